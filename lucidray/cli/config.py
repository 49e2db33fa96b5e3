"""`lucidray config`: what is set, and where it came from."""

import json

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session

_MEANINGS_FIT_FROM = 100


@click.command("config", short_help="Show every setting and where its value came from.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@pass_session
def command(session: Session, as_json: bool) -> None:
    """Show every setting and where its value came from.

    A value is taken from the first place that has it: an option, the environment (LUCIDRAY_THREADS, also from .env in
    the working folder), the file (lucidray.toml in the working folder, or --config), the default.
    """
    settings = session.settings()
    values = settings.model_dump(mode="json")
    if as_json:
        rows = {name: {"value": value, "origin": settings.origins[name]} for name, value in values.items()}
        streams.write(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    console = streams.console(settings.color)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    explained = console.width >= _MEANINGS_FIT_FROM
    if explained:
        table.add_column("meaning")
    for name, value in values.items():
        row = [name, "-" if value is None else str(value), settings.origins[name]]
        meaning = type(settings).model_fields[name].description or ""
        table.add_row(*(streams.one_line(cell) for cell in row), *([meaning] if explained else []))
    console.print(table)
