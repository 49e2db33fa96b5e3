"""Films on disk, each under the SHA-256 of its bytes. No name that a client gives ever becomes a path.

A film is written to `temp/`, flushed to the disk, and renamed: under its hash it is there whole or not at all. A
temporary file is locked by the process that writes it, so that another process, at its start, clears away exactly what
nobody writes any more.
"""

import hashlib
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lucidray.domain.errors import InputError, OutputError

_CHUNK_BYTES = 2**20
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Received:
    """A film that is on the disk whole, but not yet under its name.

    Attributes
    ----------
    path : Path
        The temporary file.
    sha256 : str
    size : int
        In bytes.
    """

    path: Path
    sha256: str
    size: int


class Films:
    """A folder of films.

    Parameters
    ----------
    folder : Path
        Made where it is missing, readable for its owner only.
    """

    def __init__(self, folder: Path) -> None:
        self._films, self._temp = folder / "films", folder / "temp"
        try:
            for made in (folder, self._films, self._temp):
                made.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._clear_temp()
        except OSError as error:
            raise OutputError(f"the store's folder {folder} cannot be used: {error.strerror or error}") from error

    @contextmanager
    def receive(self, source: BinaryIO) -> Iterator[Received]:
        """Write a film to a temporary file, which is gone afterwards unless `keep` was called.

        Raises
        ------
        OutputError
            No space or no permission.
        """
        path = self._temp / secrets.token_hex(16)
        try:
            with _locked(path) as file:
                digest, size = hashlib.sha256(), 0
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                yield Received(path, digest.hexdigest(), size)
        except OSError as error:
            raise OutputError(f"the film cannot be stored: {error.strerror or error}") from error
        finally:
            path.unlink(missing_ok=True)

    def keep(self, received: Received) -> None:
        """Give a received film its name, so that it outlives a power cut; one that is there already stays."""
        target = self._path(received.sha256)
        if target.exists():
            return
        target.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            # A second name for the same file: the temporary one stays with its lock until the caller is done.
            os.link(received.path, target)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            received.path.replace(target)
        _sync_folder(target.parent)
        _sync_folder(self._films)

    def read(self, sha256: str) -> bytes:
        """Read a film and check that it is still what it was.

        Raises
        ------
        InputError
            The file is missing or was changed.
        """
        try:
            content = self._path(sha256).read_bytes()
        except OSError as error:
            raise InputError("the stored film is missing from the disk") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError("the stored film was damaged on the disk")
        return content

    def has(self, sha256: str) -> bool:
        """Whether a film is there."""
        return self._path(sha256).exists()

    def remove(self, sha256: str) -> None:
        """Remove a film; one that is not there is no fault."""
        path = self._path(sha256)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            _sync_folder(path.parent)

    def all(self) -> list[str]:
        """List the hashes of all films on the disk."""
        return sorted(path.name for path in self._films.glob("??/*") if _HASH.fullmatch(path.name))

    def _path(self, sha256: str) -> Path:
        if not _HASH.fullmatch(sha256):
            raise InputError("not the hash of a film")
        return self._films / sha256[:2] / sha256

    def _clear_temp(self) -> None:
        for path in self._temp.iterdir():
            try:
                with path.open("rb") as file:
                    _lock(file)
                    # Under the lock: whoever made it just now sees that it is gone, and makes another one.
                    if sys.platform != "win32":
                        path.unlink(missing_ok=True)
                if sys.platform == "win32":  # where no open file can be removed
                    path.unlink(missing_ok=True)
            except OSError:
                continue  # somebody writes it, or took it away


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that is ours; one that a starting process cleared away before it was locked is made again."""
    while True:
        with path.open("xb") as file:
            _lock(file, wait=True)
            if path.exists():
                yield file
                return


def _lock(file: BinaryIO, *, wait: bool = False) -> None:
    """Lock a file for this process, or raise OSError where another one has it; Windows locks what is open by itself."""
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415

    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk; Windows has no such call."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
