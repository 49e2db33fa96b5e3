"""RSNA Pneumonia Detection Challenge 2018, `stage_2_train_labels.csv`: opacities that suggest pneumonia, one row a box.

`stage_2_detailed_class_info.csv` beside it tells the films that are normal; a table of DICOM headers beside it (as the
torchxrayvision package has) tells age, sex and view. `patientId` names a film; who the patients are is not told.

Shih et al., Radiology: Artificial Intelligence 1 (2019) e180041
"""

from collections import defaultdict
from pathlib import Path

from lucidray.evaluation.label_files.rows import Row, Table, beside
from lucidray.evaluation.label_files.table import (
    ANY_ABNORMALITY,
    LabelFile,
    LabelledFilm,
    RowFault,
    Truth,
    parse_age,
    parse_sex,
    parse_view,
)

NAME = "RSNA Pneumonia 2018"
_COLUMNS = frozenset({"patientid", "x", "y", "width", "height", "target"})
_CLASSES = {"Normal": False, "Lung Opacity": True, "No Lung Opacity / Not Normal": True}


def fits(table: Table) -> bool:
    """Whether the header is that of the challenge."""
    return table.columns >= _COLUMNS


def read(table: Table) -> LabelFile:
    """Merge each film's rows; the target is the same on all of them."""
    labels = LabelFile(NAME)
    targets: dict[str, set[str]] = defaultdict(set)
    first: dict[str, int] = {}
    for row in table:
        if row["Target"] not in ("0", "1"):
            labels.faults.append(RowFault(row.number, f"target {row['Target']!r} is neither 0 nor 1"))
            continue
        first.setdefault(row["patientId"], row.number)
        targets[row["patientId"]].add(row["Target"])
    abnormal = _classes(table.path, labels)
    headers = _headers(table.path, labels)
    seen: set[str] = set()
    for image, said in targets.items():
        if len(said) > 1:
            labels.faults.append(RowFault(first[image], f"{image} is positive in one row and negative in another"))
            continue
        truth: dict[str, Truth] = {"Pneumonia": "positive" if said == {"1"} else "negative"}
        if image in abnormal:
            truth[ANY_ABNORMALITY] = "positive" if abnormal[image] else "negative"
        elif said == {"1"}:
            truth[ANY_ABNORMALITY] = "positive"
        header = headers.get(image)
        labels.add(
            first[image],
            LabelledFilm(
                image=image,
                truth=truth,
                age_years=parse_age(header.get("PatientAge")) if header else None,
                sex=parse_sex(header.get("PatientSex")) if header else None,
                view=parse_view(header.get("ViewPosition")) if header else "unknown",
            ),
            seen,
        )
    return labels


def _classes(path: Path, labels: LabelFile) -> dict[str, bool]:
    found = beside(path, "stage_2_detailed_class_info.csv")
    if found is None:
        labels.notes.append(
            "no stage_2_detailed_class_info.csv beside it: which negative films are normal is not known"
        )
        return {}
    table = Table(found)
    return {row["patientId"]: _CLASSES[row["class"]] for row in table if row["class"] in _CLASSES}


def _headers(path: Path, labels: LabelFile) -> dict[str, Row]:
    found = beside(path, "kaggle_stage_2_train_images_dicom_headers.csv", "stage_2_train_images_dicom_headers.csv")
    if found is None:
        labels.notes.append("no table of DICOM headers beside it: age, sex and view are taken from the films")
        return {}
    return {row["PatientID"]: row for row in Table(found)}
