"""CheXpert (`train.csv`, `valid.csv`), and the same labels of MIMIC-CXR (`mimic-cxr-2.0.0-chexpert.csv`, metadata).

1 is positive, 0 negative, -1 uncertain, and blank means that the report does not speak of it: nobody said. Where "No
Finding" is 1 the report calls the film normal, so that everything blank is negative. "Lung Lesion" (nodule or mass),
"Lung Opacity" and "Pleural Other" are wider than any of the fourteen findings and are not compared.

Irvin et al., AAAI 2019; Johnson et al., Scientific Data 6 (2019) 317
"""

import re
from collections.abc import Mapping

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import View
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

NAME, MIMIC = "CheXpert", "MIMIC-CXR (CheXpert labels)"
_NO_FINDING = "No Finding"
_MAPPED = {
    "Cardiomegaly": "Cardiomegaly",
    "Edema": "Edema",
    "Consolidation": "Consolidation",
    "Pneumonia": "Pneumonia",
    "Atelectasis": "Atelectasis",
    "Pneumothorax": "Pneumothorax",
    "Pleural Effusion": "Effusion",
}
_WIDER = ("Enlarged Cardiomediastinum", "Lung Opacity", "Lung Lesion", "Pleural Other", "Fracture")
_DEVICES = "Support Devices"  # no abnormality of the patient
_STATES: dict[str, Truth] = {
    "1": "positive", "1.0": "positive", "0": "negative", "0.0": "negative", "-1": "uncertain", "-1.0": "uncertain"
}  # fmt: skip
_PATIENT = re.compile(r"patient\d+")
_COLUMNS = {name.lower() for name in (_NO_FINDING, *_MAPPED)}


def fits(table: Table) -> bool:
    """Whether the header is that of CheXpert."""
    return table.columns >= {"path", *_COLUMNS}


def fits_mimic(table: Table) -> bool:
    """Whether the header is that of MIMIC-CXR's labels, which name studies and no films."""
    return table.columns >= {"subject_id", "study_id", *_COLUMNS}


def read(table: Table) -> LabelFile:
    """Read CheXpert's rows, one a film."""
    labels = LabelFile(NAME)
    seen: set[str] = set()
    for row in table:
        truth = _truth(row, labels)
        if isinstance(truth, str):
            labels.faults.append(RowFault(row.number, truth))
            continue
        patient = _PATIENT.search(row["Path"])
        labels.add(
            row.number,
            LabelledFilm(
                image=row["Path"],
                truth=truth,
                patient=patient.group() if patient else None,
                # 0 stands for "unknown" in this collection, which has no children.
                age_years=parse_age(row.get("Age")) or None,
                sex=parse_sex(row.get("Sex") if row.get("Sex") != "Unknown" else ""),
                view=_view(row),
            ),
            seen,
        )
    return labels


def _view(row: Row) -> View:
    return "lateral" if row.get("Frontal/Lateral") == "Lateral" else parse_view(row.get("AP/PA"))


def read_mimic(table: Table) -> LabelFile:
    """Read MIMIC-CXR: the labels of a study hold for each of its films, which the metadata beside it lists.

    Raises
    ------
    InputError
        There is no `mimic-cxr-2.0.0-metadata.csv` beside the labels.
    """
    metadata = beside(table.path, "mimic-cxr-2.0.0-metadata.csv", "mimic-cxr-2.1.0-metadata.csv")
    if metadata is None:
        raise InputError(
            f"{table.path.name} labels studies: put mimic-cxr-2.0.0-metadata.csv, which lists their films, beside it"
        )
    labels = LabelFile(MIMIC)
    studies: dict[str, dict[str, Truth]] = {}
    for row in table:
        truth = _truth(row, labels)
        if isinstance(truth, str):
            labels.faults.append(RowFault(row.number, truth))
        else:
            studies[row["study_id"]] = truth
    films = Table(metadata)
    seen: set[str] = set()
    unlabelled = 0
    for row in films:
        subject, study = row["subject_id"], row["study_id"]
        if study not in studies:
            unlabelled += 1
            continue
        film = LabelledFilm(
            image=f"files/p{subject[:2]}/p{subject}/s{study}/{row['dicom_id']}.jpg",
            truth=studies[study],
            patient=subject,
            view=parse_view(row.get("ViewPosition")),
        )
        labels.add(row.number, film, seen)
    labels.faults += films.faults
    if unlabelled:
        labels.notes.append(f"{unlabelled} films of {metadata.name} have no labels")
    return labels


def _truth(row: Row, labels: LabelFile) -> dict[str, Truth] | str:
    said: Mapping[str, str] = {
        name: row.get(name) for name in (_NO_FINDING, *_MAPPED, *_WIDER, _DEVICES) if name in row.fields
    }
    states: dict[str, Truth] = {}
    for name, value in said.items():
        if value in ("", "nan"):
            continue
        if value not in _STATES:
            return f"{value!r} in column {name!r} is neither 1, 0, -1 nor empty"
        states[name] = _STATES[value]
    normal = states.get(_NO_FINDING) == "positive"
    truth: dict[str, Truth] = {}
    for name, label in _MAPPED.items():
        if name in states:
            truth[label] = states[name]
        elif normal:
            truth[label] = "negative"
    for name in _WIDER:
        if states.get(name) == "positive":
            labels.unmapped[name] += 1
    abnormal = [states[name] for name in (*_MAPPED, *_WIDER) if name in states]
    if normal:
        truth[ANY_ABNORMALITY] = "negative"
    elif "positive" in abnormal:
        truth[ANY_ABNORMALITY] = "positive"
    elif "uncertain" in abnormal:
        truth[ANY_ABNORMALITY] = "uncertain"
    return truth
