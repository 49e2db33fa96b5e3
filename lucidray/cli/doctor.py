"""`lucidray doctor`: what works here, and cures for what does not."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session

if TYPE_CHECKING:
    from lucidray.cli.checks import Check


@click.command("doctor", short_help="Say what works here, and cures for what does not.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@pass_session
@click.pass_context
def command(context: click.Context, session: Session, as_json: bool) -> None:
    """Say what works here, and cures for what does not.

    Ends with 0 where films can be read; optional parts that are not installed are told and do no harm.
    """
    settings = session.settings()
    from lucidray.cli.checks import run_checks

    checks = list(run_checks(settings))
    if as_json:
        streams.write(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    else:
        _show(checks, settings.color)
    context.exit(max(check.exit_code for check in checks))


def _show(checks: "list[Check]", color: str) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    part = ""
    for check in checks:
        if check.part != part:
            part = check.part
            table.add_row("", Text(part, "bold"))
        mark = (
            Text("ok", "green")
            if check.ok
            else Text("FAULT", "bold red")
            if check.exit_code
            else Text("note", "yellow")
        )
        table.add_row(mark, streams.one_line(f"{check.name}: {check.found}"))
        if check.cure:
            table.add_row("", Text(f"cure: {streams.one_line(check.cure)}", "italic"))
    console = streams.console(color)
    console.print(table)
    faults = sum(check.exit_code != 0 for check in checks)
    console.print(
        f"\n{faults} fault{'s' * (faults != 1)}: cures above" if faults else "\nAll that lucidray needs is here."
    )
