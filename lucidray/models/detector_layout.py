"""What an ONNX file's outputs mean, for a detector: told by its metadata and the shape of its answer, or refused.

Three layouts are in use. Each is told apart by what cannot be chance, the number of classes and of anchors:

- `yolov5`: (1, N, 5 + C): centre, size, objectness, class scores; N is three times the cells of all strides.
- `yolov8`: (1, 4 + C, N), also YOLO11: centre, size, class scores; N is the cells of all strides.
- `end-to-end`: (1, N, 6): corners, score, class; suppressed already. What `lucidray train detector` writes.

Ultralytics writes `names` (a Python dictionary) and, from v8 on, `imgsz`, `task` and `args` into the file.
"""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lucidray.domain.errors import ModelError

Layout = Literal["yolov5", "yolov8", "end-to-end"]
STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_ANCHORS_A_CELL = 3
_YES = frozenset({"true", "1", "yes"})


@dataclass(frozen=True)
class DetectorFile:
    """What a detector's metadata say.

    Attributes
    ----------
    names : tuple of str
        Of the classes, in order.
    size : (height, width) or None
        Of the picture, in pixels; None where nothing says.
    thresholds : dict
        Score from which a box counts, by class, as its training chose them; empty where it did not.
    suppressed : bool
        The file says that overlapping boxes are removed already.
    adults_only : bool
    """

    names: tuple[str, ...]
    size: tuple[int, int] | None
    thresholds: dict[str, float]
    suppressed: bool
    adults_only: bool


def read_metadata(props: Mapping[str, str], source: str) -> DetectorFile:
    """Read an ONNX file's metadata.

    Parameters
    ----------
    props : mapping
        `metadata_props` of the file.
    source : str
        What to call it in an error.

    Raises
    ------
    ModelError
        It names no classes, does another task than detection, or says what cannot be.
    """
    task = props.get("task", "detect")
    if task != "detect":
        raise ModelError(f"{source} does the task {task!r}: only detectors draw boxes")
    if "names" not in props:
        raise ModelError(f"{source} has no `names` in its metadata: what its classes mean is not known")
    try:
        names = _names(_value(props["names"]))
        size = _size(_value(props["imgsz"])) if "imgsz" in props else None
        thresholds = {str(name): float(cut) for name, cut in dict(_value(props.get("thresholds", "{}"))).items()}
        arguments = dict(_value(props.get("args", "{}")))
    except (ValueError, TypeError, SyntaxError, KeyError) as error:
        raise ModelError(f"{source}: its metadata cannot be read: {error}") from error
    if not all(0 <= cut <= 1 for cut in thresholds.values()) or set(thresholds) - set(names):
        raise ModelError(f"{source}: thresholds lie between 0 and 1 and belong to its classes")
    flags = (props.get("end2end"), props.get("nms"), arguments.get("nms"), arguments.get("end2end"))
    return DetectorFile(
        names=names,
        size=size,
        thresholds=thresholds,
        suppressed=any(str(flag).lower() in _YES for flag in flags),
        adults_only=props.get("adults_only", "true").lower() in _YES,
    )


def layout_of(shape: Sequence[int], file: DetectorFile, size: tuple[int, int], source: str) -> Layout:
    """Tell an answer's layout.

    Parameters
    ----------
    shape : (1, rows, columns)
        Of the answer.
    file : DetectorFile
    size : (height, width)
        Of the picture.
    source : str
        What to call the file in an error.

    Raises
    ------
    ModelError
        No layout fits, or more than one does.
    """
    if len(shape) != 3 or shape[0] != 1:
        raise ModelError(f"{source} answers {tuple(shape)}; a detector for one film answers (1, rows, columns)")
    _, rows, columns = shape
    classes = len(file.names)
    cells = {sum((size[0] // stride) * (size[1] // stride) for stride in strides) for strides in STRIDES}
    anchors = {_ANCHORS_A_CELL * count for count in cells}
    fitting: dict[Layout, bool] = {}
    if columns == 5 + classes:
        fitting["yolov5"] = rows in anchors
    if rows == 4 + classes:
        fitting["yolov8"] = columns in cells
    if columns == 6:
        fitting["end-to-end"] = rows not in anchors and rows != 4 + classes
    if file.suppressed:
        fitting = {layout: certain for layout, certain in fitting.items() if layout == "end-to-end"}
    certain = [layout for layout, is_certain in fitting.items() if is_certain]
    # Without a count that fits, a shape alone is an answer only where it can mean one thing.
    found = certain or list(fitting)
    if len(found) == 1:
        return found[0]
    what = f"{source} answers {tuple(shape)} for {classes} classes and a picture of {size[1]} by {size[0]}"
    if not found:
        raise ModelError(
            f"{what}: that is no layout that lucidray reads: (1, N, {5 + classes}), (1, {4 + classes}, N) or (1, N, 6)"
        )
    raise ModelError(f"{what}, which may be {' or '.join(found)}: export it again with its metadata")


def _value(text: str) -> Any:
    """Read JSON, or a Python literal: nothing is executed."""
    try:
        return json.loads(text)
    except ValueError:
        return ast.literal_eval(text)


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        numbered = {int(key): str(name) for key, name in value.items()}
        if sorted(numbered) != list(range(len(numbered))):
            raise ValueError("names are not numbered from 0")
        value = [numbered[number] for number in range(len(numbered))]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) and name for name in value):
        raise ValueError("names are neither a list nor a dictionary of words")
    if len(set(value)) < len(value):
        raise ValueError("two classes have the same name")
    return tuple(value)


def _size(value: Any) -> tuple[int, int]:
    height, width = (value, value) if isinstance(value, int) else (int(side) for side in value)
    if not (32 <= height <= 8192 and 32 <= width <= 8192):
        raise ValueError(f"imgsz {value!r}")
    return height, width
