"""Predictions on disk: `predictions.csv`, written while films are read, so that a run that breaks off goes on."""

import csv
import hashlib
import io
import time
from collections.abc import Iterable
from pathlib import Path

from lucidray.domain.errors import InputError, OutputError
from lucidray.evaluation.collection import Film
from lucidray.evaluation.label_files.rows import Row, Table
from lucidray.evaluation.label_files.table import TARGETS, canonical
from lucidray.evaluation.predict import Outcome, Said

NAME = "predictions.csv"
_RAW, _THRESHOLD = " raw", " threshold"
_FACTS = ("image", "model", "file", "outcome", "reason")
_COLUMNS = (*_FACTS, *(f"{name}{kind}" for name in TARGETS for kind in ("", _RAW, _THRESHOLD)))
_OUTCOMES: tuple[Outcome, ...] = ("assessed", "refused", "unreadable")
_SAVE_EVERY_S = 20.0


class Cache:
    """Predictions by film; what was made by other models or from another file is not used.

    The file is replaced as a whole, at most every twenty seconds: whoever opens it sees a complete table.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing.
    model : str
        Tells the models apart: their hashes.
    """

    def __init__(self, folder: Path | None, model: str) -> None:
        self._path = None if folder is None else folder / NAME
        self._model = model
        self._rows: dict[str, tuple[str, Said]] = {}
        self._saved = time.monotonic()
        if self._path is not None and self._path.is_file():
            self._load(self._path)

    def _load(self, path: Path) -> None:
        table = Table(path)
        if table.header != _COLUMNS:
            raise OutputError(f"{path} is not a table of predictions of this version: name another folder with --out")
        for row in table:
            if row["model"] == self._model:
                self._rows[row["image"]] = (row["file"], _said(row))

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, film: Film) -> Said | None:
        """Return what was said of a film before, if its file is still the same."""
        found = self._rows.get(film.key)
        return found[1] if found is not None and found[0] == _fingerprint(film) else None

    def put(self, film: Film, said: Said) -> None:
        """Keep what was said of a film."""
        self._rows[film.key] = (_fingerprint(film), said)
        if time.monotonic() - self._saved > _SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the table.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        self._saved = time.monotonic()
        if self._path is None:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for key, (file, said) in self._rows.items():
            facts = (key, self._model, file, said.outcome, said.reason)
            numbers = [
                _number(values.get(name)) for name in TARGETS for values in (said.probability, said.raw, said.threshold)
            ]
            writer.writerow((*facts, *numbers))
        write_atomically(self._path, text.getvalue())


def write_atomically(path: Path, text: str) -> None:
    """Write a file beside its place and move it there: nobody ever sees half of it.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def read_given(path: Path, films: Iterable[Film]) -> tuple[dict[str, Said], list[str]]:
    """Read the predictions of any model: `image`, and one column of probabilities a finding.

    Columns that end in " threshold" give where the model cuts; those that end in " raw" its scores before calibration;
    a column `outcome` other than "assessed" says that it did not score the film.

    Returns
    -------
    said : dict
        By the films' keys.
    faults : list of str
        Rows that could not be used, and films that the table does not name.

    Raises
    ------
    InputError
        The table cannot be read, names no finding, or none of the films.
    """
    table = Table(path)
    columns = {name.lower(): name for name in table.header}
    named = {canonical(name): name for name in table.header if canonical(name)}
    if "image" not in columns or not named:
        raise InputError(f"{path.name} needs a column `image` and one of probabilities for each finding that is scored")
    by_name: dict[str, Said] = {}
    faults: list[str] = []
    for row in table:
        try:
            by_name[row[columns["image"]]] = _given(row, columns, {k: v for k, v in named.items() if k is not None})
        except ValueError as error:
            faults.append(f"{path.name}, line {row.number}: {error}")
    faults += [f"{path.name}, line {fault.row}: {fault.reason}" for fault in table.faults]
    found = {}
    for film in films:
        said = by_name.get(film.key) or by_name.get(film.label.image) or by_name.get(Path(film.label.image).stem)
        if said is None:
            faults.append(f"{film.key}: {path.name} has no prediction of it")
        else:
            found[film.key] = said
    if not found:
        raise InputError(f"{path.name} names none of the labelled films")
    return found, faults


def _given(row: Row, columns: dict[str, str], named: dict[str, str]) -> Said:
    outcome = row.get(columns.get("outcome", "")) or "assessed"
    if outcome != "assessed":
        kind: Outcome = "unreadable" if outcome == "unreadable" else "refused"
        return Said(kind, row.get(columns.get("reason", "")) or outcome)
    values: dict[str, dict[str, float]] = {"": {}, _RAW: {}, _THRESHOLD: {}}
    for target, name in named.items():
        for kind_, into in values.items():
            text = row.get(columns.get(f"{name.lower()}{kind_}", ""))
            if not text:
                continue
            value = float(text)
            if kind_ != _RAW and not 0 <= value <= 1:
                raise ValueError(f"{name}{kind_} {text} is not between 0 and 1")
            into[target] = value
    return Said("assessed", "", values[""], values[_RAW], values[_THRESHOLD])


def _said(row: Row) -> Said:
    values: list[dict[str, float]] = []
    for kind in ("", _RAW, _THRESHOLD):
        values.append({name: float(row[f"{name}{kind}"]) for name in TARGETS if row[f"{name}{kind}"]})
    outcome = next(each for each in _OUTCOMES if each == row["outcome"])
    return Said(outcome, row["reason"], *values)


def _number(value: float | None) -> str:
    # All digits: a run that is taken up again must call what the whole run would have called.
    return "" if value is None else repr(float(value))


def _fingerprint(film: Film) -> str:
    """Tell what a prediction depends on beside the models: the file as it is, and what the labels say of the film."""
    status = None if film.path is None else film.path.stat()
    label = film.label
    facts = (
        film.path,
        *(() if status is None else (status.st_size, status.st_mtime_ns)),
        label.age_years,
        label.sex,
        label.view,
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
