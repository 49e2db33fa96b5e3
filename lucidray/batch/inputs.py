"""The films of a batch, with what the table that lists them says of each."""

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from lucidray.domain.claim import Polarity
from lucidray.domain.errors import InputError, UsageError
from lucidray.domain.radiograph import Sex, View
from lucidray.domain.vocabulary import Label
from lucidray.evaluation import columns
from lucidray.pipeline import MAX_AGE_YEARS

_SEXES: dict[str, str] = {"f": "female", "m": "male", "o": "other"} | {sex: sex for sex in get_args(Sex)}
_VIEWS: dict[str, str] = {view.lower(): view for view in get_args(View)} | {"l": "lateral", "ll": "lateral"}
_DICOM_AGE = re.compile(r"0*(\d{1,3})([YMWD])", re.IGNORECASE)
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_NOT_KNOWN = {"", "nan", "na", "n/a", "none", "null", "unknown"}


@dataclass(frozen=True, slots=True)
class Item:
    """One film to read: a row of the output.

    Attributes
    ----------
    place : str
        How the input names it.
    path : Path
        Where it lies.
    symptoms, age, sex, view
        What the input says of it; None where it says nothing.
    patient : str or None
    labels : dict or None
        What is on it, where the input says so.
    reference : str or None
        Somebody's report of it.
    fault : str or None
        Why the row cannot be used; the film is not read then.
    """

    place: str
    path: Path
    symptoms: str | None = None
    age: float | None = None
    sex: Sex | None = None
    view: View | None = None
    patient: str | None = None
    labels: dict[Label, Polarity] | None = None
    reference: str | None = None
    fault: str | None = None

    @property
    def key(self) -> str:
        """What makes two rows the same question: the film and what is said of it."""
        return repr((self.place, self.symptoms, self.age, self.sex, self.view, self.fault))


@dataclass(frozen=True)
class Inputs:
    """The films, and labels of the table that are none of the 14 findings."""

    items: list[Item]
    strange_labels: list[str]

    @property
    def has_truth(self) -> bool:
        """Whether any film comes with labels or a reference report."""
        return any(item.labels or item.reference for item in self.items)


def from_files(places: Sequence[tuple[str, Path]]) -> Inputs:
    """Take files as they are; nothing more is known of them."""
    return Inputs([Item(place, path) for place, path in places], [])


def from_table(
    table: Path, images: Path | None = None, *, image_column: str | None = None, limit: int | None = None
) -> Inputs:
    """Read the list of films from a CSV file.

    Parameters
    ----------
    table : Path
        One row a film. Known columns: the image's path; symptoms, age (years, or as DICOM writes it), sex, view,
        patient; labels (see `columns.LabelColumns`); a reference report.
    images : Path, optional
        What paths are relative to; by default the folder of the table.
    image_column : str, optional
        By default the first of `columns.IMAGE_COLUMNS`.
    limit : int, optional
        Take the first rows only.

    Raises
    ------
    InputError
        It cannot be read, is empty, or a row has too many or too few cells.
    UsageError
        No column names the films.
    """
    rows, names = _rows(table, limit)
    column = image_column or columns.pick(names, columns.IMAGE_COLUMNS)
    if column is None or column not in names:
        raise UsageError(f"{table}: no column names the films; say which one with --column (it has {', '.join(names)})")
    folder = table.parent if images is None else images
    label_columns = columns.LabelColumns(names)
    known = {name: columns.pick(names, (name,)) for name in ("symptoms", "age", "sex", "view")}
    known["patient"] = columns.pick(names, columns.PATIENT_COLUMNS)
    report = columns.pick(names, columns.REPORT_COLUMNS)
    items = [_item(row, folder, column, known, report, label_columns) for row in rows]
    if label_columns.needs_whole_table:
        filled = columns.whole_table([item.labels for item in items])
        items = [replace(item, labels=labels) for item, labels in zip(items, filled, strict=True)]
    if not any(item.labels for item in items):  # a column of other people's labels says nothing here
        items = [replace(item, labels=None) for item in items]
    return Inputs(items, sorted(label_columns.strange))


def _rows(table: Path, limit: int | None) -> tuple[list[dict[str, str]], list[str]]:
    rows: list[dict[str, str]] = []
    try:
        csv.field_size_limit(10_000_000)
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                if limit is not None and len(rows) == limit:
                    break
                if None in row or any(value is None for value in row.values()):
                    raise InputError(
                        f"{table}, line {reader.line_num}: not as many cells as columns (is it comma-separated?)"
                    )
                rows.append(row)
            names = list(reader.fieldnames or ())
    except OSError as error:
        raise InputError(f"{table} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} is no CSV file in UTF-8: {error}") from error
    if not rows:
        raise InputError(f"{table}: no rows")
    return rows, names


def _item(
    row: Mapping[str, str],
    folder: Path,
    column: str,
    known: Mapping[str, str | None],
    report: str | None,
    label_columns: columns.LabelColumns,
) -> Item:
    """Read one row; what is wrong with it becomes its fault and stops no other row."""
    place = columns.unguarded(row[column])
    given = {name: "" if spelled is None else row[spelled].strip() for name, spelled in known.items()}
    facts: dict[str, Any] = {}
    fault = None if place.strip() else f"no film is named in column {column}"
    try:
        facts["age"] = _age(given["age"])
        facts["sex"] = _word(given["sex"], _SEXES, "sex")
        facts["view"] = _word(given["view"], _VIEWS, "view")
        facts["labels"] = label_columns.read(row) if label_columns else None
    except InputError as error:
        fault = fault or str(error)
    return Item(
        place=place,
        path=Path(os.path.normpath(folder / place)),
        symptoms=given["symptoms"] or None,
        patient=given["patient"] or None,
        reference=columns.report_of(row, report) or None,
        fault=fault,
        **facts,
    )


def _age(text: str) -> float | None:
    if text.lower() in _NOT_KNOWN:
        return None
    dicom = _DICOM_AGE.fullmatch(text)
    try:
        age = int(dicom[1]) * _YEARS[dicom[2].upper()] if dicom else float(text)
    except ValueError as error:
        raise InputError(f"age {text!r} is no number of years") from error
    if not 0 <= age <= MAX_AGE_YEARS:
        raise InputError(f"an age of {age:g} years cannot be")
    return age


def _word(text: str, table: Mapping[str, Any], what: str) -> Any:
    word = " ".join(text.lower().replace("_", " ").split())
    if word in _NOT_KNOWN:
        return None
    if word not in table:
        raise InputError(f"{what} {text!r} is not known; lucidray knows {', '.join(sorted(set(table.values())))}")
    return table[word]
