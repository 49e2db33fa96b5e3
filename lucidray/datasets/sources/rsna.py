"""RSNA Pneumonia Detection Challenge 2018: the boxes stand in the label file, in pixels of the 1024-px DICOM files.

The films are NIH's. `pneumonia-dataset-annotations-mappings_2018.json`, where it lies beside the labels, tells which,
and by that whose: then patients are split as they are in the NIH collection. Without it every film is a patient.
Shih et al., Radiology: Artificial Intelligence 1 (2019) e180041
"""

import json
from dataclasses import replace
from pathlib import Path

from lucidray.datasets.entry import Gathered, Inputs, read_entries, with_boxes
from lucidray.domain.errors import InputError
from lucidray.evaluation.boxes import read_boxes

_SIDE_PX = 1024.0
_MAPPING = "pneumonia-dataset-annotations-mappings_2018.json"


def gather(inputs: Inputs) -> Gathered:
    """Read labels, boxes and the mapping to NIH's films."""
    gathered = read_entries(inputs, "rsna")
    side = float(inputs.box_side) if inputs.box_side else _SIDE_PX
    for path in inputs.boxes or inputs.labels:
        with_boxes(gathered, path, read_boxes(path), (side, side))
    patients: dict[str, str] = {}
    for path in inputs.labels:
        patients |= _patients(path.with_name(_MAPPING))
    if not patients:
        gathered.notes.append(f"no {_MAPPING} beside the labels: whose films they are is not known, nor which of NIH's")
    gathered.entries = [
        replace(entry, label=replace(entry.label, patient=patients.get(entry.label.image, entry.label.patient)))
        for entry in gathered.entries
    ]
    return gathered


def _patients(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        # 00012345_006.png is the seventh film of patient 12345.
        return {row["subset_img_id"]: str(int(row["img_id"].split("_")[0])) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name} is not the challenge's list of NIH's names: {error}") from error
