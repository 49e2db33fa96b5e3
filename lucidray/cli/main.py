"""The program `lucidray`: finds the command, and turns whatever it raises into one line and an exit code.

Exit codes: 0 done · 1 a fault of lucidray's own, or a result that cannot be written · 2 wrong use · 3 refused film ·
4 unreadable file · 5 model or optional part missing · 130 stopped by Ctrl-C · 141 the reader of our output went away.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from lucidray.cli import faults, streams
from lucidray.cli.session import Session, common_options, take_common_options
from lucidray.version import VERSION

# Imported when called, so that no command pays for another one's imports.
COMMANDS = (
    "read",
    "batch",
    "compare",
    "demo",
    "serve",
    "doctor",
    "config",
    "models",
    "schema",
    "evaluate",
    "calibrate",
    "data",
    "train",
    "study",
    "export",
    "purge",
    "token",
)

INTERRUPTED_EXIT = 130

EXAMPLES = """\b
Examples:
  lucidray demo                                a real film, and the report in the browser
  lucidray read chest.dcm                      the report on the terminal
  lucidray read chest.dcm --out reading --open pictures and a page with the evidence
  lucidray read folder/ --json > films.jsonl   one line a film
  lucidray doctor                              what works here, and cures for what does not
"""


class CommandTable(click.Group):
    """The commands by name, each with the options that all share."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"lucidray.cli.{cmd_name}").command
        take_common_options(command)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Take in the arguments; `--help` and `--version` print here."""
        with _reader_may_leave():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _reader_may_leave():
            return super().invoke(ctx)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """End without a word when the reader of stdout goes away (`| head`); click would end with 1, our own fault."""
    try:
        yield
    except BrokenPipeError:
        streams.drop(sys.stdout)
        raise click.exceptions.Exit(streams.BROKEN_PIPE_EXIT) from None


@click.command(
    cls=CommandTable,
    params=common_options(),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES + "\n\nResearch use only, not for clinical diagnosis.",
)
@click.version_option(VERSION, "-V", "--version", message="lucidray %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Read chest radiographs offline, with the evidence for every sentence."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    """
    streams.speak_utf8()
    session = Session()
    try:
        code = program.main(
            None if arguments is None else list(arguments), prog_name="lucidray", standalone_mode=False, obj=session
        )
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED_EXIT
    except click.ClickException as error:
        streams.fault(_usage(error))
        return error.exit_code
    except Exception as error:  # whatever escapes is told in one line
        return faults.report(error, session)
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    where = f" (see: {context.command_path} --help)" if context is not None else ""
    return error.format_message().rstrip(".") + where
