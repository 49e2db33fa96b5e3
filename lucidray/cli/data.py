"""`lucidray data`: collections of films made ready for training, and checked."""

from importlib import import_module

import click

from lucidray.cli.session import take_common_options

# Each is the `command` of `data_<name>.py`, imported when called.
PARTS = ("prepare", "check")


class Parts(click.Group):
    """The parts by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which people need them."""
        return list(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one part."""
        if cmd_name not in PARTS:
            return None
        part: click.Command = import_module(f"lucidray.cli.data_{cmd_name}").command
        take_common_options(part)
        return part


@click.command(
    "data",
    cls=Parts,
    invoke_without_command=True,
    short_help="Make public collections, or your own, ready to train on.",
)
@click.pass_context
def command(context: click.Context) -> None:
    """Make a collection of films ready for training, and check it.

    `prepare` reads a collection's own label files and writes one manifest, split by patient; `check` looks for what
    would make its figures worthless. Nothing is downloaded: docs/datasets.md says where each collection is had, and
    what its terms allow.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
