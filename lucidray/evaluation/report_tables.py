"""Predictions and references from JSON, JSONL, CSV or Parquet files, and which of them belong together."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from lucidray.domain.box import Box
from lucidray.domain.claim import Polarity
from lucidray.domain.errors import InputError, MissingExtraError, UsageError
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.evaluation import columns

_LONGEST_CELL = 10_000_000


@dataclass(frozen=True)
class Record:
    """What one row says of one film.

    Attributes
    ----------
    name : str
        As the file gives it.
    patient : str or None
    text : str or None
        None where the row has labels only; empty where nothing was said.
    labels : dict or None
    boxes : dict
        In pixels of the stored film.
    probabilities : dict
        Of findings, where the row holds them.
    """

    name: str
    patient: str | None
    text: str | None
    labels: dict[Label, Polarity] | None
    boxes: dict[Label, tuple[Box, ...]] = field(default_factory=dict)
    probabilities: dict[Label, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Pairs:
    """Predictions with their references, and what had no partner.

    `by` says how they were matched: by the name as it stands, or by the file's name without its folder.
    """

    predictions: list[Record]
    references: list[Record]
    only_predicted: list[str]
    only_referenced: list[str]
    by: str


def read_table(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file; its ending says what it is.

    Raises
    ------
    InputError
        It is missing, damaged, or not what its ending says.
    UsageError
        Nobody knows its ending.
    MissingExtraError
        Parquet without pyarrow.
    """
    readers = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: a table ends in {', '.join(readers)}")
    try:
        yield from reader(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:  # JSON and text encodings raise ValueErrors
        raise InputError(f"{path} cannot be read: {error}") from error


def read_records(
    path: Path, *, id_column: str | None = None, text_column: str | None = None
) -> tuple[list[Record], set[str]]:
    """Read predictions or references, and return them with the names of labels that are none of the 14 findings.

    Raises
    ------
    InputError
        The file cannot be read, has no column that names films, or neither text nor labels; one film has two
        different rows.
    """
    rows = list(read_table(path))
    if not rows:
        raise InputError(f"{path}: no rows")
    every = list(dict.fromkeys(name for row in rows for name in row))
    id_column = id_column or columns.pick(every, columns.IMAGE_COLUMNS) or ("image" if "provenance" in every else None)
    if id_column is None or id_column not in every:
        raise InputError(f"{path}: no column names the films; say which one with --id (it has {', '.join(every)})")
    if text_column is not None and text_column not in every:
        raise InputError(f"{path}: no column {text_column!r} (it has {', '.join(every)})")
    patient = columns.pick(every, columns.PATIENT_COLUMNS)
    label_columns = columns.LabelColumns([] if "outcome" in every else every)
    records, labels = [], []
    for number, row in enumerate(rows, 1):
        try:
            labels.append(label_columns.read(row))
            records.append(_record(row, id_column, text_column, patient))
        except InputError as error:
            raise InputError(f"{path}, row {number}: {error}") from error
    if label_columns.needs_whole_table:
        labels = columns.whole_table(labels)
    whole = [
        Record(one.name, one.patient, one.text, found or None, one.boxes, one.probabilities)
        for one, found in zip(records, labels, strict=True)
    ]
    if all(one.text is None and one.labels is None for one in whole):
        raise InputError(f"{path}: neither a report nor labels; say which column with --text")
    return _once(path, whole), label_columns.strange


def match(predictions: list[Record], references: list[Record]) -> Pairs:
    """Put together what is about the same film: by name, or, where no name fits, by file name without folder.

    Raises
    ------
    InputError
        Nothing fits, or file names without folders are not unique.
    """
    # A film of which nothing is known decides nothing.
    references = [one for one in references if one.text is not None or one.labels]
    by, name_of = "name", _whole_name
    shared = {one.name for one in predictions} & {one.name for one in references}
    if not shared:
        by, name_of = "file name", _file_name
        for side, records in (("predictions", predictions), ("references", references)):
            if len({name_of(one) for one in records}) < len(records):
                raise InputError(f"no name is in both files, and file names without folders repeat in the {side}")
        shared = {name_of(one) for one in predictions} & {name_of(one) for one in references}
    if not shared:
        known = f"{references[0].name!r} a reference" if references else "no reference says anything"
        raise InputError(f"no film is in both files: {predictions[0].name!r} is a prediction, {known}")
    found = {name_of(one): one for one in references}
    both = [one for one in predictions if name_of(one) in shared]
    return Pairs(
        both,
        [found[name_of(one)] for one in both],
        [one.name for one in predictions if name_of(one) not in shared],
        [one.name for one in references if name_of(one) not in shared],
        by,
    )


def _record(row: Mapping[str, Any], id_column: str, text_column: str | None, patient: str | None) -> Record:
    image = row.get(id_column)
    name = str(image.get("name", "")) if isinstance(image, Mapping) and "name" in image else str(image or "")
    if not name:
        raise InputError(f"no name in {id_column}")
    if row.get("accepted") is False and "provenance" in row:  # a whole reading that was refused
        text: str | None = ""
    else:
        text = columns.report_of(row, text_column)
    whose = str(row[patient]) if patient is not None and row.get(patient) not in (None, "") else None
    return Record(columns.unguarded(name), whose, text, None, columns.boxes_of(row), _probabilities(row))


def _probabilities(row: Mapping[str, Any]) -> dict[Label, float]:
    """Find them in a batch's CSV or JSONL row, or in a whole reading."""
    findings = row.get("findings")
    if isinstance(findings, list):
        pairs = [(one.get("label"), one.get("probability")) for one in findings if isinstance(one, Mapping)]
    elif isinstance(findings, Mapping):
        pairs = [(label, one.get("probability")) for label, one in findings.items() if isinstance(one, Mapping)]
    else:
        pairs = [(label, row.get(f"{columns.tidy(label)}_probability")) for label in LABELS]
    known = {columns.label_of(str(label)): value for label, value in pairs if value not in (None, "")}
    return {label: float(value) for label, value in known.items() if label is not None}


def _once(path: Path, records: list[Record]) -> list[Record]:
    found: dict[str, Record] = {}
    for one in records:
        before = found.setdefault(one.name, one)
        if (before.text, before.labels) != (one.text, one.labels):
            raise InputError(f"{path}: two rows about {one.name!r} say different things")
    return list(found.values())


def _whole_name(record: Record) -> str:
    return record.name


def _file_name(record: Record) -> str:
    return PurePosixPath(record.name.replace("\\", "/")).name


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        for row in reader:
            if None in row or any(value is None for value in row.values()):
                raise ValueError(f"line {reader.line_num} has not as many cells as there are columns")
            yield row


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip():
                yield _object(json.loads(line))


def _json(path: Path) -> Iterator[dict[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(content, dict) and content and all(isinstance(value, str) for value in content.values()):
        yield from ({"image": name, "report": text} for name, text in content.items())
    elif isinstance(content, dict):
        yield content
    else:
        yield from (_object(one) for one in content)


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise MissingExtraError("reading Parquet", "parquet") from error
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a row is no object")  # noqa: TRY004 - the file is wrong, not the caller
    return value
