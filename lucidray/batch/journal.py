"""The journal of a batch: every row as soon as it is there, so that nothing is lost when the machine stops.

One JSON object a line. The first line says how the films are read; every other one holds a film's key, the size and
time of its file, and its row. A line counts once it is whole: what a kill or a power cut left of the last one is cut
off, and its film is read again. Of two lines about one film the later one holds.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lucidray.batch.row import Row
from lucidray.domain.errors import LucidrayError, OutputError, UsageError

Stamp = tuple[int, int] | None
"""Size in bytes and time of the last change in ns; None where there is no such file."""

_FORMAT = 1
# Between a crash of the machine and now; a kill of the process alone loses nothing that was written.
_SYNC_SECONDS = 0.5


class Entry:
    """Where a film's row stands in the journal, and what is needed to decide whether it is still good."""

    __slots__ = ("exit_code", "offset", "stamp")

    def __init__(self, offset: int, stamp: Stamp, exit_code: int) -> None:
        self.offset, self.stamp, self.exit_code = offset, stamp, exit_code

    @property
    def deserves_another_try(self) -> bool:
        """Whether the row failed by lucidray or a model, and not by its film."""
        return self.exit_code in (LucidrayError.exit_code, 5)


@dataclass(frozen=True)
class Recovery:
    """What was found amiss when a journal was opened: a torn last line, and damaged ones before."""

    torn: bool = False
    damaged: int = 0


class Journal:
    """An open journal; nobody else can open it meanwhile.

    Attributes
    ----------
    entries : dict
        By key of the film.
    recovery : Recovery
    """

    def __init__(self, path: Path, head: Mapping[str, Any], *, resume: bool) -> None:
        """Open a journal, or begin one.

        Parameters
        ----------
        path : Path
        head : mapping
            How films are read: JSON values. Rows of another way of reading are never mixed in.
        resume : bool
            Go on where it ends; otherwise it is begun anew.

        Raises
        ------
        UsageError
            Another process has it open, or it was written by another way of reading.
        OutputError
            It cannot be written, or is no journal.
        """
        self.path = path
        self.entries: dict[str, Entry] = {}
        self.recovery = Recovery()
        self._synced = time.monotonic()
        try:
            # Not truncated here: another process may hold it.
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        try:
            _lock(self._file, path)
            self._size = os.fstat(self._file).st_size
            if not resume:
                os.ftruncate(self._file, 0)
                self._size = 0
            self._begin({"lucidray_batch": _FORMAT, **head})
        except BaseException:
            os.close(self._file)
            raise

    def append(self, key: str, stamp: Stamp, row: Row) -> None:
        """Write a row; it is safe from a kill when this returns, and from a power cut half a second later.

        Raises
        ------
        OutputError
            No space is left, or the disk fails: the rows before it are safe.
        """
        line = json.dumps({"key": key, "stamp": stamp, "row": row}, separators=(",", ":"), allow_nan=False)
        offset = self._size
        self._write(line)
        self.entries[key] = Entry(offset, stamp, int(row["exit_code"]))
        # Last: it takes long, and Ctrl-C meanwhile must find the row counted.
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def row(self, key: str) -> Row:
        """Read a row back."""
        os.lseek(self._file, self.entries[key].offset, os.SEEK_SET)
        with os.fdopen(os.dup(self._file), "rb") as file:
            row: Row = json.loads(file.readline())["row"]
        return row

    def sync(self) -> None:
        """Bring everything to the disk."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error
        self._synced = time.monotonic()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, head: dict[str, Any]) -> None:
        lines = self._lines()
        if not lines:
            os.ftruncate(self._file, 0)
            self._size = 0
            self._write(json.dumps(head))
            self.sync()
            return
        found = lines[0][1]
        if not isinstance(found, dict) or "lucidray_batch" not in found:
            raise OutputError(f"{self.path} is no journal of lucidray batch: move it away")
        differing = [name for name in {*found, *head} if found.get(name) != head.get(name)]
        if differing:
            told = "; ".join(f"{name} was {found.get(name)!r}, now {head.get(name)!r}" for name in sorted(differing))
            raise UsageError(
                f"{self.path} was begun another way ({told}): ask for the same, or begin anew with --overwrite"
            )
        damaged = 0
        for offset, line in lines[1:]:
            try:
                stamp = None if line["stamp"] is None else (int(line["stamp"][0]), int(line["stamp"][1]))
                self.entries[line["key"]] = Entry(offset, stamp, int(line["row"]["exit_code"]))
            except (TypeError, KeyError, ValueError):
                damaged += 1
        self.recovery = Recovery(self.recovery.torn, damaged)

    def _lines(self) -> list[tuple[int, Any]]:
        """Read every line with its offset, None for what is no JSON; cut off what stands behind the last newline."""
        lines: list[tuple[int, Any]] = []
        offset = 0
        os.lseek(self._file, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._file), "rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                lines.append((offset, _kept(_parsed(raw), first=not lines)))
                offset += len(raw)
        if offset < self._size:
            os.ftruncate(self._file, offset)
            self._size = offset
            self.recovery = Recovery(torn=True)
        return lines

    def _write(self, line: str) -> None:
        data = (line + "\n").encode("ascii")
        os.lseek(self._file, self._size, os.SEEK_SET)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):  # the torn line is cut off at the next start anyway
                os.ftruncate(self._file, self._size)
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; the {len(self.entries)} films in it are safe: "
                "make space, then go on with --resume"
            ) from error
        self._size += len(data)


def stamp_of(path: Path) -> Stamp:
    """Return what tells that a file is still the same."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _kept(line: Any, *, first: bool) -> Any:
    """Keep of a line what its entry needs: a thousand whole rows would not fit into memory."""
    if first or not isinstance(line, dict) or not isinstance(line.get("row"), dict):
        return line
    return {"key": line.get("key"), "stamp": line.get("stamp"), "row": {"exit_code": line["row"].get("exit_code")}}


def _lock(file: int, path: Path) -> None:
    """Lock the file until it is closed, or its process is gone."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415

            # Far behind the end: on Windows a locked range cannot be read by others.
            os.lseek(file, 1 << 40, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise UsageError(f"{path} is in use by another lucidray batch") from error
