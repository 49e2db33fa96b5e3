"""Which films are meant by the files, folders and `-` on a command line."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lucidray.domain.errors import InputError, UsageError

STDIN = "-"
_HEAD_BYTES = 2048
_EXTENSIONS = {".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp"}
# Media Storage Directory: a DICOMDIR lists films and is none.
_DICOMDIR_CLASS = b"1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Film:
    """One film to read.

    Attributes
    ----------
    place : str
        How messages and JSON name it: the path as the person wrote it, or `-`.
    path : Path or None
        None for stdin.
    stem : str
        What its reading would be called.
    """

    place: str
    path: Path | None
    stem: str

    @property
    def name(self) -> str:
        """What the reading calls the film."""
        return "stdin" if self.path is None else self.path.name

    def source(self, max_bytes: int) -> Path | bytes:
        """Return the path, or, of what can be read only once (stdin, a pipe), at most `max_bytes` + 1 bytes.

        Raises
        ------
        UsageError
            Stdin is a terminal.
        """
        if self.path is None:
            if sys.stdin.isatty():
                raise UsageError("nothing is piped in: '-' reads a film from stdin, as in: lucidray read - < chest.dcm")
            return sys.stdin.buffer.read(max_bytes + 1)
        try:
            if not stat.S_ISFIFO(self.path.stat().st_mode):
                return self.path
            with self.path.open("rb") as pipe:
                return pipe.read(max_bytes + 1)
        except OSError:
            return self.path  # reading it as a file says what is wrong


@dataclass
class Selection:
    """The films that were found.

    Attributes
    ----------
    films : list of Film
        In the order of the command line; within a folder by path.
    skipped : int
        Files in folders that are no films.
    faults : list of (place, InputError)
        Folders that hold no film or cannot be listed.
    many : bool
        Whether several films could have been meant: more than one argument, or a folder.
    """

    films: list[Film] = field(default_factory=list)
    skipped: int = 0
    faults: list[tuple[str, InputError]] = field(default_factory=list)
    many: bool = False


def select(arguments: Sequence[str], out: Path | None = None) -> Selection:
    """Find the films: named files as they are, folders by looking into every file below them.

    Parameters
    ----------
    arguments : sequence of str
        Files, folders, and at most one `-`.
    out : path, optional
        Where readings will be written; never searched for films.

    Raises
    ------
    UsageError
        `-` comes twice, or readings would be written among the films.
    """
    if arguments.count(STDIN) > 1:
        raise UsageError("'-' can be read once only")
    selection = Selection(many=len(arguments) > 1)
    stems: set[str] = set()
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            selection.films.append(Film(STDIN, None, _stem(Path("stdin"), stems)))
        elif _is_folder(path):
            selection.many = True
            _search(path, out, selection, stems)
        else:
            selection.films.append(Film(argument, path, _stem(path, stems)))
    return selection


def looks_like_film(path: Path) -> bool:
    """Tell from the first bytes whether a file is a DICOM object or an image; the name says nothing.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    from lucidray.imaging.dicom_file import looks_like_dicom
    from lucidray.imaging.film import raster_format

    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if raster_format(head) is not None:
        return True
    return looks_like_dicom(head) and _DICOMDIR_CLASS not in head


def _search(folder: Path, out: Path | None, selection: Selection, stems: set[str]) -> None:
    if out is not None and out.resolve() == folder.resolve():
        raise UsageError(f"readings would be written among the films in {folder}: name another folder with --out")
    found, faults = 0, len(selection.faults)
    for path in _files(folder, out, selection):
        if _is_meant(path):
            found += 1
            selection.films.append(Film(str(path), path, _stem(path, stems)))
        else:
            selection.skipped += 1
    if not found and len(selection.faults) == faults:
        selection.faults.append((str(folder), InputError("no film in this folder")))


def _is_meant(path: Path) -> bool:
    """Tell whether a file in a folder is to be tried: it opens like a film, or its name promises one.

    A transfer that broke off leaves an empty `.dcm` behind: that is told, not passed over.
    """
    try:
        return path.suffix.lower() in _EXTENSIONS or looks_like_film(path)
    except OSError:
        return True  # reading it says why it cannot be read


def _files(folder: Path, out: Path | None, selection: Selection) -> Iterator[Path]:
    """Walk down sorted, through links but never in circles; not into hidden folders, `out` and earlier readings."""

    def unlisted(error: OSError) -> None:
        selection.faults.append((str(error.filename), InputError(f"cannot be listed: {error.strerror}")))

    # A link to a folder above would lead out of what was named.
    seen = {_identity(above) for above in (folder.resolve(), *folder.resolve().parents)}
    barred = None if out is None else out.resolve()
    for parent, folders, files in os.walk(folder, onerror=unlisted, followlinks=True):
        inside = []
        for name in sorted(folders):
            path = Path(parent, name)
            if name.startswith(".") or path.resolve() == barred or _is_reading(path) or _identity(path) in seen:
                continue
            seen.add(_identity(path))
            inside.append(name)
        folders[:] = inside
        for name in sorted(files):
            path = Path(parent, name)
            if name.startswith(".") or not _may_be_file(path):
                selection.skipped += 1
            else:
                yield path


def _is_reading(folder: Path) -> bool:
    """Tell whether lucidray itself wrote the folder: its pictures are no films."""
    return all(_status(folder / name) is not None for name in ("reading.json", "report.html"))


def _is_folder(path: Path) -> bool:
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _may_be_file(path: Path) -> bool:
    """Tell whether it can be opened without waiting for another program; what may not be looked at may be a file."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int] | Path:
    status = _status(path)
    return path if status is None else (status.st_dev, status.st_ino)


def _status(path: Path) -> os.stat_result | None:
    """Ask the system about a path; None where it is not there or must not be looked at."""
    try:
        return path.stat()
    except OSError:
        return None


def _stem(path: Path, taken: set[str]) -> str:
    """Name a reading after its film, with the folder's name in front where two films are called the same."""
    # Only known endings are cut: in 1.2.840.113619.2 the last number belongs to the name.
    name = path.stem if path.suffix.lower() in _EXTENSIONS else path.name
    if name.casefold() in taken:
        name = f"{path.absolute().parent.name}-{name}"
    taken.add(name.casefold())
    return name
