"""`lucidray evaluate`: how good models and reports are."""

import click

from lucidray.cli.evaluate_reports import reports


@click.group("evaluate", invoke_without_command=True, short_help="Measure models and reports.")
@click.pass_context
def command(context: click.Context) -> None:
    """Measure models and reports, every figure with its interval, its count and its controls."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


command.add_command(reports)
