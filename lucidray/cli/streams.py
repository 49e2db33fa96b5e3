"""What goes to stdout and what to stderr: results there, everything said about them here, a line each."""

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

BROKEN_PIPE_EXIT = 141


def speak_utf8() -> None:
    """Make both streams take any text: UTF-8 on Windows, where pipes are not, and escapes for what has no encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if sys.platform == "win32" else None, errors="backslashreplace")


def one_line(text: object) -> str:
    """Return text that cannot break the line or steer the terminal, whatever a file or its name holds."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text))


def write(text: str) -> None:
    """Write a result to stdout, at once, so that a closed pipe is noticed here."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: object) -> None:
    """Say something about the work, on stderr."""
    _line(one_line(text))


def warn(text: object) -> None:
    """Say what was odd, on stderr."""
    _line(f"warning: {one_line(text)}")


def fault(text: object) -> None:
    """Say what went wrong, on stderr."""
    _line(f"error: {one_line(text)}")


def _line(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def console(color: str = "auto", *, stderr: bool = False) -> "Console":
    """Open a rich console that leaves a closed pipe to `main`.

    Parameters
    ----------
    color : {"auto", "always", "never"}
        "auto" colours a terminal only, and honours NO_COLOR.
    stderr : bool
        Write there, not to stdout.
    """
    from rich.console import Console

    class Stream(Console):
        def on_broken_pipe(self) -> None:  # rich ends the program with 1, which is our exit code for a fault of ours
            raise BrokenPipeError

    return Stream(
        stderr=stderr,
        force_terminal={"auto": None, "always": True, "never": False}[color],
        no_color=True if color == "never" else None,
        highlight=False,
        emoji=False,
        markup=False,
    )


def drop(stream: TextIO) -> None:
    """Point a stream whose reader has gone to nowhere, so that Python does not complain when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
