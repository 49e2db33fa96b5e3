"""The finished table of a batch: CSV, JSONL or Parquet, there whole or not at all."""

import csv
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TextIO

from lucidray.batch.row import COLUMNS, Row, flat
from lucidray.domain.errors import MissingExtraError, OutputError, UsageError

ENDINGS = (".csv", ".jsonl", ".parquet")
# What Excel, LibreOffice and Google Sheets may take for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ROWS_A_GROUP = 1000
Guard = Literal["apostrophe", "none"]


def check_out(out: Path) -> None:
    """Find out before any film is read whether the table can be written.

    Raises
    ------
    UsageError
        Its ending is not known.
    MissingExtraError
        Parquet without pyarrow.
    OutputError
        Its folder cannot be made.
    """
    if out.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out {out}: the table ends in {', '.join(ENDINGS)}")
    if out.suffix.lower() == ".parquet":
        _pyarrow()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out.parent} cannot be made: {error.strerror}") from error
    if out.is_dir():
        raise OutputError(f"{out} is a folder")


def write_table(out: Path, rows: Iterable[Row], *, excel: bool = False, guard: Guard = "apostrophe") -> None:
    """Write rows, one after the other; the file takes its name in one step, over an older one.

    Parameters
    ----------
    out : Path
        Its ending decides what is written.
    rows : iterable of Row
    excel : bool
        Begin a CSV file with the mark (BOM) by which Excel knows UTF-8.
    guard : {"apostrophe", "none"}
        Before a text cell of a CSV file that a spreadsheet could run as a formula; numbers are never touched.

    Raises
    ------
    OutputError
        No permission, no space; nothing is left behind, an older file stays.
    """
    ending = out.suffix.lower()
    with _replaced(out) as hidden:
        if ending == ".parquet":
            _write_parquet(hidden, rows)
        else:
            encoding = "utf-8-sig" if excel and ending == ".csv" else "utf-8"
            # A file name that is no text becomes one with escapes.
            with hidden.open("w", encoding=encoding, errors="backslashreplace", newline="") as file:
                if ending == ".csv":
                    _write_csv(file, rows, guard)
                else:
                    for row in rows:
                        file.write(json.dumps(_text_only(row), ensure_ascii=False, allow_nan=False) + "\n")


def write_text(out: Path, text: str) -> None:
    """Write a text file in one step.

    Raises
    ------
    OutputError
        As `write_table`.
    """
    with _replaced(out) as hidden:
        hidden.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    hidden = out.with_name(f".{out.name}.{secrets.token_hex(6)}")
    try:
        yield hidden
        with hidden.open("rb+") as file:
            os.fsync(file.fileno())
        hidden.replace(out)
        _sync_folder(out.parent)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        hidden.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_csv(file: TextIO, rows: Iterable[Row], guard: Guard) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS])
    for row in rows:
        writer.writerow([_cell(value, guard) for value in flat(row).values()])


def _cell(value: Any, guard: Guard) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    text = value.replace("\0", "�")  # no CSV reader takes it
    return "'" + text if guard == "apostrophe" and text.startswith(_FORMULA) else text


def _text_only(value: Any) -> Any:
    """Replace the halves of characters that a file name may hold: JSON would carry them on."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _text_only(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_text_only(inner) for inner in value]
    return value


def _pyarrow() -> Any:
    try:
        import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise MissingExtraError("writing Parquet", "parquet") from error
    return import_module("pyarrow")


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    arrow = _pyarrow()
    kinds = {"text": arrow.string(), "number": arrow.float64(), "integer": arrow.int32(), "flag": arrow.bool_()}
    schema = arrow.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    with import_module("pyarrow.parquet").ParquetWriter(str(path), schema) as writer:
        group: list[dict[str, Any]] = []
        for row in rows:
            group.append(_text_only(flat(row)))
            if len(group) == _ROWS_A_GROUP:
                writer.write_table(arrow.Table.from_pylist(group, schema=schema))
                group.clear()
        writer.write_table(arrow.Table.from_pylist(group, schema=schema))
