"""NIH ChestX-ray14: Data_Entry_2017, BBox_List_2017, and the lists of the collection's own split.

The boxes are in pixels of the 1024-px images that the collection is distributed as. Wang et al., CVPR 2017
"""

from dataclasses import replace
from pathlib import Path

from lucidray.datasets.entry import Gathered, Inputs, read_entries, with_boxes
from lucidray.datasets.manifest import Split
from lucidray.datasets.split import split_of
from lucidray.domain.errors import InputError
from lucidray.evaluation.boxes import read_boxes
from lucidray.evaluation.label_files.rows import Table, beside

_SIDE_PX = 1024.0
_LISTS: dict[str, Split] = {"train_val_list.txt": "train", "test_list.txt": "test"}
# Of the patients that the collection gives for training.
_VALIDATION_SHARE = 0.125


def gather(inputs: Inputs) -> Gathered:
    """Read labels, boxes and lists."""
    gathered = read_entries(inputs)
    found = [beside(path, "BBox_List_2017.csv", "boxes.csv") for path in inputs.labels]
    for path in inputs.boxes or [path for path in found if path is not None]:
        of_the_collection = "image index" in Table(path).columns
        side = float(inputs.box_side) if inputs.box_side else _SIDE_PX if of_the_collection else None
        with_boxes(gathered, path, read_boxes(path), None if side is None else (side, side))
    listed = _lists(inputs.labels)
    gathered.entries = [
        replace(entry, split=_split(listed.get(entry.label.image), entry.label.patient)) for entry in gathered.entries
    ]
    return gathered


def _split(listed: Split | None, patient: str | None) -> Split | None:
    """Take validation patients out of the list that the collection has for both."""
    if listed != "train" or patient is None:
        return listed
    return split_of(patient, test=0.0, validation=_VALIDATION_SHARE)


def _lists(labels: tuple[Path, ...]) -> dict[str, Split]:
    listed: dict[str, Split] = {}
    for folder in dict.fromkeys(path.parent for path in labels):
        for name, split in _LISTS.items():
            path = folder / name
            if not path.is_file():
                continue
            try:
                lines = path.read_text(encoding="utf-8").split()
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"{path} cannot be read: {error}") from error
            listed.update(dict.fromkeys(lines, split))
    return listed
