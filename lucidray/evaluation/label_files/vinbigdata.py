"""VinBigData, `train.csv`: boxes of three of seventeen radiologists a film; a finding is there where most drew it.

"Nodule/Mass" is two of the fourteen findings in one and is compared with neither; "ILD", "Lung Opacity",
"Calcification", "Aortic enlargement" and "Other lesion" are none of them.

Nguyen et al., Scientific Data 9 (2022) 429
"""

from collections import defaultdict

from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import LabelFile, LabelledFilm, RowFault, listed

NAME = "VinBigData"
NAMES = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Infiltration": "Infiltration",
    "Pleural effusion": "Effusion",
    "Pleural thickening": "Pleural Thickening",
    "Pneumothorax": "Pneumothorax",
    "Pulmonary fibrosis": "Fibrosis",
    "Emphysema": "Emphysema",
    "Edema": "Edema",
}
# The classes of the public training file; the collection's other names are not in it.
KNOWS = tuple(NAMES[name] for name in NAMES if name not in ("Emphysema", "Edema"))
_NO_FINDING = "No finding"
_COLUMNS = frozenset({"image_id", "class_name", "rad_id", "x_min", "y_min", "x_max", "y_max"})


def fits(table: Table) -> bool:
    """Whether the header is that of the collection."""
    return table.columns >= _COLUMNS


def read(table: Table) -> LabelFile:
    """Merge each film's rows by majority of the radiologists who read it."""
    labels = LabelFile(NAME)
    readers: dict[str, set[str]] = defaultdict(set)
    drawn: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    first: dict[str, int] = {}
    for row in table:
        image, reader, name = row["image_id"], row["rad_id"], row["class_name"]
        if not image or not reader or not name:
            labels.faults.append(RowFault(row.number, "no image, radiologist or class is named"))
            continue
        first.setdefault(image, row.number)
        readers[image].add(reader)
        drawn[image][name].add(reader)
    seen: set[str] = set()
    for image, who in readers.items():
        agreed = {name for name, by in drawn[image].items() if 2 * len(by) > len(who)}
        normal = _NO_FINDING in agreed
        found = [NAMES[name] for name in agreed if name in NAMES]
        labels.unmapped.update(name for name in agreed if name not in NAMES and name != _NO_FINDING)
        labels.add(first[image], LabelledFilm(image=image, truth=listed(found, knows=KNOWS, abnormal=not normal)), seen)
    counts = sorted({len(who) for who in readers.values()})
    labels.notes.append(f"merged by majority of {' or '.join(map(str, counts))} radiologists a film")
    return labels
