"""What holds for one run of the program, whatever the command."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lucidray.cli import streams

if TYPE_CHECKING:
    from lucidray.settings import Settings


@dataclass
class Session:
    """The options that every command takes.

    Attributes
    ----------
    config : Path or None
        The settings file that was asked for.
    debug : bool
        Show tracebacks.
    """

    config: Path | None = None
    debug: bool = False

    def settings(self, **options: object) -> "Settings":
        """Collect the settings and say what was odd about them; options that are None were not given."""
        from lucidray.settings import Settings

        settings = Settings.load(options, config=self.config)
        for text in settings.warnings:
            streams.warn(text)
        return settings


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value and parameter.name is not None:
        setattr(context.ensure_object(Session), parameter.name, value)


def common_options() -> list[click.Option]:
    """Make the options that work before and behind the name of a command."""
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            expose_value=False,
            callback=_remember,
            help="Settings file; by default lucidray.toml here, or LUCIDRAY_CONFIG.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            envvar="LUCIDRAY_DEBUG",
            expose_value=False,
            callback=_remember,
            help="Show tracebacks of faults.",
        ),
    ]


def take_common_options(command: click.Command) -> None:
    """Give a command, and those below it, the options that all commands share."""
    known = {parameter.name for parameter in command.params}
    command.params.extend(option for option in common_options() if option.name not in known)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            take_common_options(inner)


pass_session = click.make_pass_decorator(Session, ensure=True)
