"""The bytes behind a path, and names that are safe to print."""

import os
import stat
from pathlib import Path

from lucidray.domain.errors import InputError
from lucidray.imaging.limits import Limits

_LONGEST_NAME = 120

# Without it, opening a FIFO waits for a writer that may never come. Windows has neither the flag nor the problem.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe, not a file"),
    (stat.S_ISSOCK, "is a socket, not a file"),
    (stat.S_ISCHR, "is a device, not a file"),
    (stat.S_ISBLK, "is a device, not a file"),
)


def printable(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return `text` on one line, without control, bidirectional or undecodable characters, cut to `longest`."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(kept.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def read_file(path: Path, limits: Limits) -> bytes:
    """Read a regular file of bounded size.

    The size is asked of the open file, so that nothing can be exchanged between the question and the reading.

    Raises
    ------
    InputError
        Missing, unreadable, not a regular file (folder, pipe, socket, device), empty or too large.
    """
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
        try:
            facts = os.fstat(descriptor)
            for is_kind, words in _KINDS:
                if is_kind(facts.st_mode):
                    raise InputError(words)
            limits.check_bytes(facts.st_size)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                # One more than it had: a file that grows meanwhile is noticed, and no buffer of the limit is set up.
                content = file.read(facts.st_size + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise InputError("no such file") from error
    except PermissionError as error:
        raise InputError("is a folder" if path.is_dir() else "no permission to read it") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise InputError(f"cannot be opened ({reason})") from error
    limits.check_bytes(len(content))
    return content
