"""`lucidray study`: one question, asked of real films, answered with intervals."""

from importlib import import_module

import click

from lucidray.cli.session import take_common_options

# Each is the `command` of `study_<name>.py`, dashes as underscores, imported when called.
STUDIES = ("second-opinion",)


class Studies(click.Group):
    """The studies by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which people need them."""
        return list(STUDIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one study."""
        if cmd_name not in STUDIES:
            return None
        study: click.Command = import_module(f"lucidray.cli.study_{cmd_name.replace('-', '_')}").command
        take_common_options(study)
        return study


@click.command(
    "study",
    cls=Studies,
    invoke_without_command=True,
    short_help="Studies of readers on films with a truth (needs lucidray[evaluate]).",
)
@click.pass_context
def command(context: click.Context) -> None:
    """Ask one question of many films and say what came out, with intervals and controls (needs lucidray[evaluate]).

    Research use only, not for clinical diagnosis.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
