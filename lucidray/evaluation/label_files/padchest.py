"""PadChest, `PADCHEST_chest_x_ray_images_labels_160K*.csv`: names out of a tree; what is not listed is negative.

A finding counts where PadChest's name, or a narrower name below it in PadChest's own tree, is listed. Rows whose labels
are missing, and studies marked `exclude`, say nothing. Labels are a physician's or a network's: `MethodLabel` tells
which, and both are kept, counted in a note.

Bustos et al., Medical Image Analysis 66 (2020) 101797
"""

import ast
from collections import Counter

from lucidray.domain.vocabulary import Label
from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import (
    LabelFile,
    LabelledFilm,
    RowFault,
    listed,
    parse_age,
    parse_sex,
    parse_view,
)

NAME = "PadChest"
# fmt: off
NAMES: dict[Label, frozenset[str]] = {
    "Atelectasis": frozenset({"atelectasis", "atelectasis basal", "total atelectasis", "lobar atelectasis",
                              "segmental atelectasis", "laminar atelectasis", "round atelectasis"}),
    "Cardiomegaly": frozenset({"cardiomegaly"}),
    "Effusion": frozenset({"pleural effusion", "loculated pleural effusion", "loculated fissural effusion",
                           "hydropneumothorax", "hemothorax", "empyema"}),
    "Infiltration": frozenset({"infiltrates", "interstitial pattern", "ground glass pattern",
                               "reticular interstitial pattern", "reticulonodular interstitial pattern",
                               "miliary opacities", "alveolar pattern", "consolidation", "air bronchogram"}),
    "Mass": frozenset({"mass", "pulmonary mass"}),
    "Nodule": frozenset({"nodule", "multiple nodules"}),
    "Pneumonia": frozenset({"pneumonia", "atypical pneumonia"}),
    "Pneumothorax": frozenset({"pneumothorax", "hydropneumothorax"}),
    "Consolidation": frozenset({"consolidation", "air bronchogram"}),
    "Edema": frozenset({"pulmonary edema"}),
    "Emphysema": frozenset({"emphysema"}),
    "Fibrosis": frozenset({"pulmonary fibrosis", "fibrotic band", "post radiotherapy changes",
                           "tuberculosis sequelae"}),
    "Pleural Thickening": frozenset({"pleural thickening", "apical pleural thickening",
                                     "calcified pleural thickening"}),
    "Hernia": frozenset({"hiatal hernia"}),
}
# fmt: on
_COLUMNS = frozenset({"imageid", "projection", "patientid", "labels", "methodlabel"})
_REMARKS = frozenset({"normal", "unchanged", "suboptimal study", "exclude", ""})


def fits(table: Table) -> bool:
    """Whether the header is that of the collection."""
    return table.columns >= _COLUMNS


def read(table: Table) -> LabelFile:
    """Read all rows, laterals too: the gate has to refuse them."""
    labels = LabelFile(NAME)
    seen: set[str] = set()
    methods: Counter[str] = Counter()
    known = frozenset().union(*NAMES.values())
    for row in table:
        said = _names(row["Labels"])
        if said is None or "exclude" in said or (not said - _REMARKS - {"normal"} and "normal" not in said):
            reason = "the study is marked exclude" if said and "exclude" in said else "no labels"
            labels.faults.append(RowFault(row.number, reason))
            continue
        found = [label for label, names in NAMES.items() if names & said]
        labels.unmapped.update(said - known - _REMARKS)
        methods[row["MethodLabel"]] += 1
        birth, day = row.get("PatientBirth"), row.get("StudyDate_DICOM")
        labels.add(
            row.number,
            LabelledFilm(
                image=row["ImageID"],
                truth=listed(found, knows=NAMES, abnormal="normal" not in said or bool(found)),
                patient=row["PatientID"] or None,
                age_years=_age(birth, day),
                sex=parse_sex(row.get("PatientSex_DICOM")),
                view=parse_view(row["Projection"]),
            ),
            seen,
        )
    labels.notes.append("labels by " + ", ".join(f"{name}: {count}" for name, count in sorted(methods.items())))
    return labels


def _names(text: str) -> set[str] | None:
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    if not isinstance(names, list):
        return None
    return {str(name).strip().lower() for name in names}


def _age(birth: str, day: str) -> float | None:
    """Years from the year of birth to that of the film; both are all that PadChest tells."""
    try:
        return parse_age(str(int(day[:4]) - int(float(birth))))
    except ValueError:
        return None
