"""NIH ChestX-ray14, `Data_Entry_2017*.csv`: findings mined from reports; what is not listed is negative.

Wang et al., CVPR 2017.
"""

from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import (
    LabelFile,
    LabelledFilm,
    RowFault,
    canonical,
    listed,
    parse_age,
    parse_sex,
    parse_view,
)

NAME = "NIH ChestX-ray14 (Data_Entry_2017)"
_COLUMNS = frozenset({"image index", "finding labels", "patient id", "view position"})
NO_FINDING = "No Finding"


def fits(table: Table) -> bool:
    """Whether the header is that of the collection."""
    return table.columns >= _COLUMNS


def read(table: Table) -> LabelFile:
    """Read all rows."""
    labels = LabelFile(NAME)
    seen: set[str] = set()
    # Two releases name the columns alike but for their case and blanks.
    column = {name.lower(): name for name in table.header}
    if "airspace opacity" in column:
        labels.notes.append(
            "the adjudicated columns (Fracture, Airspace opacity, ...) are not read, the mined labels are"
        )
    for row in table:
        names = [name.strip() for name in row[column["finding labels"]].split("|") if name.strip()]
        known = [label for label in map(canonical, names) if label is not None]
        strange = [name for name in names if name != NO_FINDING and canonical(name) is None]
        if not names or strange:
            labels.faults.append(RowFault(row.number, f"unknown finding {', '.join(strange) or '(none)'}"))
            continue
        labels.add(
            row.number,
            LabelledFilm(
                image=row[column["image index"]],
                truth=listed(known, knows=LABELS, abnormal=bool(known)),
                patient=row[column["patient id"]] or None,
                age_years=parse_age(row.get(column.get("patient age", ""))),
                sex=parse_sex(row.get(column.get("patient gender", column.get("patient sex", "")))),
                view=parse_view(row[column["view position"]]),
            ),
            seen,
        )
    return labels
