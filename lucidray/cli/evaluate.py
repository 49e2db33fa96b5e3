"""`lucidray evaluate`: measure the models, or anybody's predictions, on films of one's own."""

from importlib import import_module

import click

from lucidray.cli.session import take_common_options

# Each is the `command` of `evaluate_<name>.py`, imported when called.
PARTS = ("findings", "localization", "anatomy", "gate", "claims", "reports")


class Parts(click.Group):
    """The parts by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which people need them."""
        return list(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one part."""
        if cmd_name not in PARTS:
            return None
        part: click.Command = import_module(f"lucidray.cli.evaluate_{cmd_name}").command
        take_common_options(part)
        return part


@click.command(
    "evaluate",
    cls=Parts,
    invoke_without_command=True,
    short_help="Measure the models on your own films (needs lucidray[evaluate]).",
)
@click.pass_context
def command(context: click.Context) -> None:
    """Measure the models, or the predictions of any model, on films of your own (needs lucidray[evaluate]).

    Every figure comes with a 95 % interval, the counts behind it, and controls that never saw the film. Films that were
    refused or could not be read are counted and named. Research use only, not for clinical diagnosis.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
