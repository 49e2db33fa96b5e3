"""What the columns of somebody's table mean: image, patient, labels and report, by the names that the field uses."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lucidray.domain.box import Box
from lucidray.domain.claim import Polarity
from lucidray.domain.errors import InputError
from lucidray.domain.vocabulary import LABELS, Label

IMAGE_COLUMNS = ("image", "path", "file", "filename", "image_path", "image_index", "img", "film", "dicom_id", "id")
PATIENT_COLUMNS = ("patient", "patient_id", "subject_id", "patientid")
REPORT_COLUMNS = ("reference_report", "reference", "report", "report_text", "text", "prediction", "generated")
# Of a column that lists findings: by NIH's convention, what such a list does not name was looked for and not found.
NIH_COLUMNS = ("finding_labels",)
LIST_COLUMNS = ("label", "labels", "class", "finding", "diagnosis")
_SEPARATORS = "|;,"
_TRUE = {"1", "1.0", "true", "yes", "y", "present", "positive"}
_FALSE = {"0", "0.0", "false", "no", "n", "absent", "negative"}
_UNCERTAIN = {"-1", "-1.0", "uncertain"}  # -1 is CheXpert's
_NORMAL = {"no finding", "no findings", "normal", "none", "healthy"}
_ALIASES: dict[str, Label] = {
    "pleural effusion": "Effusion",
    "oedema": "Edema",
    "pulmonary edema": "Edema",
    "infiltrate": "Infiltration",
    "lung mass": "Mass",
    "pulmonary nodule": "Nodule",
    "hiatal hernia": "Hernia",
    "pulmonary fibrosis": "Fibrosis",
}
_LABELS: dict[str, Label] = {label.lower(): label for label in LABELS} | _ALIASES


def tidy(name: str) -> str:
    """Bring a column's name to lower case with underscores."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def label_of(name: str) -> Label | None:
    """Return the finding that a name means; None where it means none of the 14."""
    return _LABELS.get(" ".join(name.strip().lower().replace("_", " ").replace("-", " ").split()))


def pick(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """Return the column that comes first in `names`, as the table spells it."""
    spelled = {tidy(column): column for column in columns}
    return next((spelled[name] for name in names if name in spelled), None)


class LabelColumns:
    """Reads labels from the rows of one table.

    Parameters
    ----------
    columns : sequence of str
        Of the table. A column may be one finding (1, 0, empty for unknown, -1 for uncertain), or hold a list of
        findings: NIH's `Finding Labels`, where what is not named is absent, or `label`, where only findings that occur
        somewhere in the table count as looked for.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._single = {column: label for column in columns if (label := label_of(column)) is not None}
        self._nih = pick(columns, NIH_COLUMNS)
        self._list = None if self._nih or self._single else pick(columns, LIST_COLUMNS)
        self.strange: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._single or self._nih or self._list)

    @property
    def needs_whole_table(self) -> bool:
        """Whether what was looked for shows only once all rows are read."""
        return self._list is not None

    def read(self, row: Mapping[str, Any]) -> dict[Label, Polarity] | None:
        """Return the findings of one row; of a list, those that are named, and all others as absent for NIH's.

        None where a list is empty, or holds a name that is none of the 14 findings and so may hide one of them
        ("bacterial pneumonia"): nothing is known of that film then. NIH's lists are whole by their own rules.

        Raises
        ------
        InputError
            A cell of a finding's column is neither a number nor a word that is known.
        """
        labels: dict[Label, Polarity] = {}
        listed = self._nih or self._list
        if listed is not None:
            found, clear = self._listed(str(row.get(listed) or ""))
            if not clear:
                return None
            labels |= dict.fromkeys(LABELS, "absent") if self._nih else {}
            labels |= found
        for column, label in self._single.items():
            value = str("" if row.get(column) is None else row[column]).strip().lower()
            if not value or value == "nan":
                continue
            if value in _TRUE:
                labels[label] = "present"
            elif value in _FALSE:
                labels[label] = "absent"
            elif value in _UNCERTAIN:
                labels[label] = "uncertain"
            else:
                raise InputError(f"{column} = {row[column]!r} is no label: 1, 0, -1 (uncertain) or nothing")
        return labels

    def _listed(self, cell: str) -> tuple[dict[Label, Polarity], bool]:
        """Return the findings in a list, and whether all that it says is known."""
        for separator in _SEPARATORS[1:]:
            cell = cell.replace(separator, _SEPARATORS[0])
        names = list(filter(None, (part.strip() for part in cell.split(_SEPARATORS[0]))))
        found: dict[Label, Polarity] = {label: "present" for name in names if (label := label_of(name)) is not None}
        strange = {name for name in names if label_of(name) is None and name.lower() not in _NORMAL}
        self.strange |= strange
        return found, bool(names) and (self._nih is not None or not strange)


def whole_table(rows: Sequence[dict[Label, Polarity] | None]) -> list[dict[Label, Polarity] | None]:
    """Fill rows of a `label` column: a finding that occurs somewhere in the table is absent where it is not named."""
    occurring = {label for row in rows if row is not None for label in row}
    return [
        None if row is None else {label: row.get(label, "absent") for label in LABELS if label in occurring}
        for row in rows
    ]


def report_of(row: Mapping[str, Any], column: str | None = None) -> str | None:
    """Return the report in a row: the named column, a known one, or findings and impression; None where there is none.

    A row of `lucidray batch` that was refused or failed has an empty report: nothing was said of that film.
    """
    outcome = row.get("outcome")
    if outcome in ("refused", "failed"):
        return ""
    own = row.get("reader_text")
    if column is None and isinstance(own, str) and own:  # a reader's own words, before they were checked
        return unguarded(own)
    column = column or pick(row, REPORT_COLUMNS)
    if column is not None:
        value = row.get(column)
        if isinstance(value, Mapping):
            return _sections(value)
        return None if value is None else unguarded(str(value))
    found = {tidy(name): row[name] for name in row}
    sections = [str(found[name]) for name in ("findings", "impression") if isinstance(found.get(name), str)]
    return "\n".join(text for text in sections if text.strip()) if sections else None


def boxes_of(row: Mapping[str, Any]) -> dict[Label, tuple[Box, ...]]:
    """Return the boxes in a row's `boxes` (JSON), or in the findings of a reading; names that are no finding are left.

    Raises
    ------
    InputError
        The boxes are no JSON list of objects with `label` and `box_xyxy_px`.
    """
    cell = row.get("reader_boxes" if row.get("reader_text") else "boxes")
    try:
        listed = json.loads(cell) if isinstance(cell, str) and cell.strip() else cell or []
        findings = row.get("findings")
        if row.get("reader_text") and not listed:  # a whole reading, by a reader that wrote itself
            listed = [one for one in row.get("reader_regions") or [] if one["label"]]
        elif not listed and isinstance(findings, list):  # a whole reading
            listed = [{"label": one["label"], **region} for one in findings for region in one.get("regions", [])]
        boxes: dict[Label, tuple[Box, ...]] = {}
        for one in listed:
            label = label_of(str(one["label"] or ""))
            box = Box(*(float(edge) for edge in one.get("box_xyxy_px") or one["box"]))
            if label is not None and box.width > 0 and box.height > 0:
                boxes[label] = (*boxes.get(label, ()), box)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"boxes are no JSON list of objects with label and box_xyxy_px: {error}") from error
    return boxes


def unguarded(text: str) -> str:
    """Take away the apostrophe that a CSV file of lucidray has before what a spreadsheet would run as a formula."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@\t\r" else text


def _sections(report: Mapping[str, Any]) -> str:
    """Join the sections of a report as a reading's JSON holds it."""
    return "\n".join(
        str(sentence["text"]) for name in ("findings", "locations", "impression") for sentence in report.get(name, [])
    )
