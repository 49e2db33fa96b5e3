"""Rows of a table, whatever it is packed in: CSV or TSV, plain, gzipped, or the one table in a zip file."""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files.table import RowFault

if TYPE_CHECKING:
    import _csv

_MAX_FIELD = 10_000_000  # run-length masks are longer than Python's own limit


@dataclass(frozen=True)
class Row:
    """One line: its number (1 is the header) and its fields by column."""

    number: int
    fields: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a field without blanks around it."""
        return self.fields[column].strip()

    def get(self, column: str) -> str:
        """Return a field, or nothing where there is no such column."""
        return self.fields.get(column, "").strip()


class Table:
    """A table on disk; rows that do not fit the header are gathered in `faults` while the others are walked through.

    Raises
    ------
    InputError
        The file cannot be read, or has no header.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[RowFault] = []
        with _opened(path) as file:
            names = [name.strip() for name in next(_reader(file, path), [])]
        # Headers of NIH's files end in commas that their rows do not have.
        while names and not names[-1]:
            names.pop()
        self.header = tuple(names)
        if not any(self.header):
            raise InputError(f"{path.name} has no header: its first line must name the columns")

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns in lower case."""
        return frozenset(name.lower() for name in self.header)

    def __iter__(self) -> Iterator[Row]:
        """Walk through the rows that have as many fields as the header."""
        self.faults.clear()
        wanted = len(self.header)
        with _opened(self.path) as file:
            reader = _reader(file, self.path)
            next(reader)
            try:
                for fields in reader:
                    if not fields:
                        continue
                    if len(fields) > wanted and not any(fields[wanted:]):
                        fields = fields[:wanted]  # noqa: PLW2901
                    if len(fields) != wanted:
                        self.faults.append(RowFault(reader.line_num, f"{len(fields)} fields instead of {wanted}"))
                        continue
                    yield Row(reader.line_num, dict(zip(self.header, fields, strict=True)))
            except (csv.Error, OSError, EOFError) as error:
                raise InputError(f"{self.path.name} cannot be read to its end: {error}") from error


def beside(path: Path, *names: str) -> Path | None:
    """Return the first of `names` (plain, .gz or .zip) that lies in the folder of `path`."""
    for name in names:
        for ending in ("", ".gz", ".zip"):
            found = path.parent / f"{name}{ending}"
            if found.is_file():
                return found
    return None


def _reader(file: io.TextIOBase, path: Path) -> "_csv.Reader":
    csv.field_size_limit(_MAX_FIELD)
    return csv.reader(file, delimiter="\t" if ".tsv" in path.suffixes else ",")


def _opened(path: Path) -> io.TextIOWrapper:
    try:
        if path.suffix == ".gz":
            raw: IO[bytes] = gzip.open(path, "rb")  # type: ignore[assignment] # noqa: SIM115 - the wrapper closes it
        elif path.suffix == ".zip":
            archive = zipfile.ZipFile(path)
            tables = [name for name in archive.namelist() if name.endswith((".csv", ".tsv"))]
            if len(tables) != 1:
                raise InputError(f"{path.name} holds {len(tables)} tables: unpack it and name one")
            raw = archive.open(tables[0])
        else:
            raw = path.open("rb")
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path} cannot be read: {reason}") from error
    # Some files have stray bytes of other encodings in their free text, which nobody reads here.
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
