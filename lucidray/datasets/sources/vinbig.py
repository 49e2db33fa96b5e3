"""VinBigData (VinDr-CXR): boxes of three radiologists a film, brought to one box where two drew the same.

Boxes are in pixels of the DICOM originals. Copies as PNG are smaller: `train_meta.csv` (image_id, dim0, dim1: rows and
columns of the original), which comes with the best-known of them, is looked for beside the labels.
Nguyen et al., Scientific Data 9 (2022) 429
"""

from collections import defaultdict
from dataclasses import replace

from lucidray.datasets.entry import DrawnBox, Gathered, Inputs, read_entries, stem
from lucidray.domain.box import Box
from lucidray.domain.errors import InputError
from lucidray.evaluation.boxes import read_boxes
from lucidray.evaluation.label_files.rows import Table, beside

SAME_IOU = 0.4


def gather(inputs: Inputs) -> Gathered:
    """Read labels and boxes."""
    gathered = read_entries(inputs, "vinbigdata")
    frames = _frames(inputs)
    side = None if inputs.box_side is None else (float(inputs.box_side), float(inputs.box_side))
    drawn: dict[str, dict[str, list[tuple[str, Box]]]] = defaultdict(lambda: defaultdict(list))
    for path in inputs.boxes or inputs.labels:
        boxes = read_boxes(path)
        gathered.faults += [(path.name, fault) for fault in boxes.faults]
        for box in boxes.boxes:
            drawn[box.image][box.label].append((box.source, Box(*box.xyxy_px)))
    alone = 0
    entries = []
    for entry in gathered.entries:
        kept: list[DrawnBox] = []
        for finding, theirs in drawn[entry.label.image].items():
            if entry.label.truth.get(finding) != "positive":
                continue
            agreed = agreed_boxes(theirs)
            alone += not agreed
            frame = frames.get(stem(entry.label.image), side)
            kept += [
                DrawnBox(finding, (box.x0, box.y0, box.x1, box.y1), frame)
                for box in agreed or [box for _, box in theirs]
            ]
        entries.append(replace(entry, boxes=tuple(kept)))
    gathered.entries = entries
    gathered.notes.append("boxes of several radiologists count as one where they overlap; the others of a finding go")
    if alone:
        gathered.notes.append(f"{alone:,} findings that most saw, but no two in the same place, keep all their boxes")
    return gathered


def agreed_boxes(drawn: list[tuple[str, Box]]) -> list[Box]:
    """Average the boxes that two radiologists at least drew over each other.

    Parameters
    ----------
    drawn : list of (str, Box)
        Who drew it, and the box.
    """
    groups: list[list[tuple[str, Box]]] = []
    for who, box in drawn:
        group = next((group for group in groups if any(box.iou(other) >= SAME_IOU for _, other in group)), None)
        if group is None:
            groups.append([(who, box)])
        else:
            group.append((who, box))
    shared = [group for group in groups if len({who for who, _ in group}) > 1]
    return [Box(*(sum(edge) / len(group) for edge in zip(*(box for _, box in group), strict=True))) for group in shared]


def _frames(inputs: Inputs) -> dict[str, tuple[float, float]]:
    for path in inputs.labels:
        table = beside(path, "train_meta.csv")
        if table is not None:
            try:
                return {row["image_id"]: (float(row["dim0"]), float(row["dim1"])) for row in Table(table)}
            except (KeyError, ValueError) as error:
                raise InputError(f"{table.name} needs image_id, dim0 and dim1 in every row: {error}") from error
    return {}
