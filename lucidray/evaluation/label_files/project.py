"""The project's own folders: `labels.csv` of NIH films made small, and of the children's films."""

from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.label_files.nih import NO_FINDING
from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import (
    ANY_ABNORMALITY,
    LabelFile,
    LabelledFilm,
    RowFault,
    Truth,
    canonical,
    listed,
    parse_age,
    parse_sex,
    parse_view,
)

ADULTS = "lucidray labels.csv (NIH films)"
CHILDREN = "lucidray labels.csv (children's films)"
# The children of the collection (Kermany et al. 2018) are one to five years old; none of them has an age of its own.
CHILD_AGE_YEARS = 3.0


def fits_adults(table: Table) -> bool:
    """Whether the header is that of the NIH folders."""
    return table.columns >= {"image", "nih_name", "patient_id", "finding_labels", "view"}


def fits_children(table: Table) -> bool:
    """Whether the header is that of the children's folder."""
    return table.columns >= {"image", "patient", "label", "organism"}


def read_adults(table: Table) -> LabelFile:
    """Read the NIH folders; where RSNA's radiologists disagree with the mined labels, nobody knows what is normal."""
    labels = LabelFile(ADULTS, notes=["films on which RSNA's readers and the mined labels disagree about normality"])
    seen: set[str] = set()
    disagreed = 0
    for row in table:
        names = [name.strip() for name in row["finding_labels"].split("|") if name.strip()]
        known = [label for label in map(canonical, names) if label is not None]
        if not names or any(name != NO_FINDING and canonical(name) is None for name in names):
            labels.faults.append(RowFault(row.number, f"unknown finding in {row['finding_labels']!r}"))
            continue
        truth = listed(known, knows=LABELS, abnormal=bool(known))
        read_again = row.get("rsna_class")
        if read_again and (read_again != "Normal") != bool(known):
            truth[ANY_ABNORMALITY] = "uncertain"
            disagreed += 1
        labels.add(
            row.number,
            LabelledFilm(
                image=row["image"],
                truth=truth,
                patient=row["patient_id"] or None,
                age_years=parse_age(row.get("age")),
                sex=parse_sex(row.get("sex")),
                view=parse_view(row["view"]),
            ),
            seen,
        )
    labels.notes = [f"{note} count as uncertain: {disagreed}" for note in labels.notes] if disagreed else []
    return labels


def read_children(table: Table) -> LabelFile:
    """Read the children's folder: pneumonia or normal, nothing else was looked for."""
    labels = LabelFile(CHILDREN, notes=[f"children of 1 to 5 years, read as {CHILD_AGE_YEARS:g} years old"])
    seen: set[str] = set()
    for row in table:
        if row["label"] not in ("normal", "pneumonia"):
            labels.faults.append(RowFault(row.number, f"unknown label {row['label']!r}"))
            continue
        state: Truth = "positive" if row["label"] == "pneumonia" else "negative"
        film = LabelledFilm(
            image=row["image"],
            truth={"Pneumonia": state},
            patient=f"child-{row['patient']}",
            age_years=CHILD_AGE_YEARS,
            view="PA",
        )
        labels.add(row.number, film, seen)
    return labels
