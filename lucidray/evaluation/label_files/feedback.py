"""`lucidray export feedback`, `labels.csv`: what people decided about films after a model had read them.

`known_labels` names the findings that a person decided; nothing is known of the others. Every film is model_assisted.
"""

from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import (
    ANY_ABNORMALITY,
    LabelFile,
    LabelledFilm,
    RowFault,
    Truth,
    canonical,
    parse_age,
    parse_sex,
    parse_view,
)

NAME = "lucidray feedback (corrections of a model)"
_NORMAL = "No Finding"


def fits(table: Table) -> bool:
    """Whether the header is that of the export."""
    return table.columns >= {"image", "patient_id", "finding_labels", "known_labels", "model_assisted"}


def read(table: Table) -> LabelFile:
    """Read all rows."""
    labels = LabelFile(NAME, notes=["people corrected a model here: these films may teach a model, never measure one"])
    seen: set[str] = set()
    for row in table:
        present, known = _names(row["finding_labels"]), _names(row["known_labels"])
        if present is None or known is None or not known:
            labels.faults.append(RowFault(row.number, f"no finding that is known in {row['known_labels']!r}"))
            continue
        if present - known:
            labels.faults.append(RowFault(row.number, "a finding is present that nobody decided"))
            continue
        truth: dict[str, Truth] = {
            label: "positive" if label in present else "negative" for label in LABELS if label in known
        }
        # One finding that is there makes a film abnormal; that some are not there does not make it normal.
        if present:
            truth[ANY_ABNORMALITY] = "positive"
        film = LabelledFilm(
            image=row["image"],
            truth=truth,
            patient=row["patient_id"] or None,
            age_years=parse_age(row.get("age")),
            sex=parse_sex(row.get("sex")),
            view=parse_view(row.get("view")),
            split="train",
            model_assisted=True,
        )
        labels.add(row.number, film, seen)
    return labels


def _names(cell: str) -> set[str] | None:
    names = [name.strip() for name in cell.split("|") if name.strip() and name.strip() != _NORMAL]
    found = {label for label in map(canonical, names) if label is not None}
    return found if len(found) == len(set(names)) else None
