"""A plain table: `image`, and one column a finding with 1, 0, -1 (uncertain) or nothing; or a column `label` of names.

Optional columns: patient, age, sex, view, source, split, report, model_assisted. Columns that are none of these and no
finding are told as unmapped.
"""

from lucidray.domain.errors import InputError
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.label_files.rows import Row, Table
from lucidray.evaluation.label_files.table import (
    ANY_ABNORMALITY,
    LabelFile,
    LabelledFilm,
    RowFault,
    Truth,
    canonical,
    parse_age,
    parse_sex,
    parse_split,
    parse_view,
)

NAME = "plain table (image, one column a finding)"
_IMAGE = ("image", "file", "filename", "path")
_LISTS = ("label", "labels", "findings")
_FACTS = {"patient", "patient_id", "age", "sex", "view", "source", "split", "report", "model_assisted"}
_STATES: dict[str, Truth] = {
    "1": "positive", "1.0": "positive", "true": "positive", "yes": "positive", "positive": "positive",
    "0": "negative", "0.0": "negative", "false": "negative", "no": "negative", "negative": "negative",
    "-1": "uncertain", "-1.0": "uncertain", "uncertain": "uncertain",
}  # fmt: skip
_NORMAL = {"normal", "no finding", "none"}


def fits(table: Table) -> bool:
    """Whether there is a column of images and one of labels at least."""
    named = any(canonical(name) for name in table.header)
    return bool(table.columns & set(_IMAGE)) and (named or bool(table.columns & set(_LISTS)))


def read(table: Table) -> LabelFile:
    """Read all rows.

    Raises
    ------
    InputError
        Two columns mean the same finding.
    """
    labels = LabelFile(NAME)
    column = {name.lower(): name for name in table.header}
    targets: dict[str, str] = {}
    for name in table.header:
        target = canonical(name)
        if target is None:
            continue
        if target in targets:
            raise InputError(f"{table.path.name}: the columns {targets[target]!r} and {name!r} both mean {target}")
        targets[target] = name
    image = next(column[name] for name in _IMAGE if name in column)
    lists = next((column[name] for name in _LISTS if name in column), None) if not targets else None
    used = {image, lists, *targets.values()}
    others = [name for name in table.header if name not in used and name.lower() not in _FACTS]
    for name in others:
        labels.unmapped[name] = 0
    if lists is not None:
        labels.notes.append(f"findings that {lists!r} does not list count as negative")
    seen: set[str] = set()
    for row in table:
        truth = _listed(row[lists], labels) if lists is not None else _states(row, targets)
        if isinstance(truth, str):
            labels.faults.append(RowFault(row.number, truth))
            continue
        labels.add(
            row.number,
            LabelledFilm(
                image=row[image],
                truth=truth,
                patient=row.get(column.get("patient", column.get("patient_id", ""))) or None,
                age_years=parse_age(row.get(column.get("age", ""))),
                sex=parse_sex(row.get(column.get("sex", ""))),
                view=parse_view(row.get(column.get("view", ""))),
                source=row.get(column.get("source", "")) or None,
                report=row.get(column.get("report", "")),
                split=parse_split(row.get(column.get("split", ""))),
                model_assisted=_STATES.get(row.get(column.get("model_assisted", "")).lower()) == "positive",
            ),
            seen,
        )
    return labels


def _states(row: Row, targets: dict[str, str]) -> dict[str, Truth] | str:
    truth: dict[str, Truth] = {}
    for target, name in targets.items():
        said = row[name].lower()
        if said in ("", "nan", "na"):
            continue
        if said not in _STATES:
            return f"{row[name]!r} in column {name!r} is neither 1, 0, -1 nor empty"
        truth[target] = _STATES[said]
    return truth


def _listed(said: str, labels: LabelFile) -> dict[str, Truth] | str:
    names = [name.strip() for name in said.replace(";", "|").split("|") if name.strip()]
    if not names:
        return "no label"
    found = {canonical(name) for name in names} - {None}
    normal = any(name.lower() in _NORMAL for name in names)
    if normal and len(names) > 1:
        return f"{said!r} names normal and a finding at once"
    for name in names:
        if canonical(name) is None and name.lower() not in _NORMAL:
            labels.unmapped[name] += 1
    truth: dict[str, Truth] = {label: "positive" if label in found else "negative" for label in LABELS}
    truth[ANY_ABNORMALITY] = "negative" if normal else "positive"
    return truth
