"""`--config FILE` of a training command: a TOML file whose names are those of the options."""

import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click

from lucidray.domain.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])


def config_option(command: _Command) -> _Command:
    """Add `--config`: what the file says holds where the command line says nothing."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read,
        help="Take options from a TOML file: the same names, without dashes in front; options given here win.",
    )(command)


def _read(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the file {path} cannot be read: {error}") from error
    known: dict[str, str] = {}
    for parameter in context.command.params:
        if isinstance(parameter, click.Option) and parameter.name and parameter.name != "config":
            known[parameter.name] = parameter.name
            known |= {name.lstrip("-").replace("-", "_"): parameter.name for name in parameter.opts}
    taken = {}
    for name, value in values.items():
        plain = name.replace("-", "_")
        if plain not in known:
            close = get_close_matches(plain, known, 1)
            hint = f"; did you mean {close[0].replace('_', '-')}?" if close else ""
            raise UsageError(f"{path}: {name!r} is no option of this command{hint}")
        taken[known[plain]] = value
    context.default_map = {**(context.default_map or {}), **taken}
