"""`lucidray evaluate`: measure lucidray on data of your own."""

import click

from lucidray.cli.evaluate_claims import claims


@click.group("evaluate", invoke_without_command=True, short_help="Measure lucidray on data of your own.")
@click.pass_context
def command(context: click.Context) -> None:
    """Measure lucidray on data of your own, with intervals, counts and controls."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


command.add_command(claims)
