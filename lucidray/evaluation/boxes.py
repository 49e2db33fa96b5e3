"""Box files of the field: plain (image, label, x, y, width, height), NIH BBox_List_2017, VinBigData, RSNA."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files.rows import Row, Table
from lucidray.evaluation.label_files.table import RowFault, canonical
from lucidray.evaluation.label_files.vinbigdata import NAMES as VINBIGDATA
from lucidray.evaluation.localization import OPACITY

_OPACITY_NAMES = {"lung opacity", "opacity", "airspace opacity"}


@dataclass(frozen=True)
class FileBox:
    """A box as its file has it, in pixels of the image that the file means: (x0, y0, x1, y1)."""

    image: str
    label: str
    xyxy_px: tuple[float, float, float, float]
    source: str


@dataclass
class BoxFile:
    """Boxes, the rows that could not be used, and labels that are none of the fourteen findings."""

    boxes: list[FileBox] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)


def read_boxes(path: Path) -> BoxFile:
    """Read a box file, known by its header.

    Raises
    ------
    InputError
        The file cannot be read, its header is none that is known, or no row is a box.
    """
    if not path.is_file():
        raise InputError(f"there is no box file {path}")
    table = Table(path)
    columns = {name.lower(): name for name in table.header}
    found = BoxFile()
    for row in table:
        try:
            box = _box(row, columns)
        except ValueError as error:
            found.faults.append(RowFault(row.number, str(error)))
            continue
        if box is None:
            continue
        label = _label(box.label)
        if label is None:
            found.unmapped[box.label] += 1
        else:
            found.boxes.append(FileBox(box.image, label, box.xyxy_px, box.source))
    found.faults += table.faults
    if not found.boxes:
        raise InputError(
            f"{path.name} has no box of a finding that is known, in {len(found.faults)} faulty rows and others"
        )
    return found


def _box(row: Row, columns: dict[str, str]) -> FileBox | None:
    """Return the row's box; None where the row says that there is none.

    Raises
    ------
    ValueError
        The row is no box.
    """
    if {"image_id", "class_name", "x_min", "y_min", "x_max", "y_max"} <= columns.keys():
        if row["class_name"] == "No finding":
            return None
        corners = tuple(_number(row, name) for name in ("x_min", "y_min", "x_max", "y_max"))
        return _checked(row["image_id"], row["class_name"], corners, f"VinBigData {row.get('rad_id')}".strip())
    if {"patientid", "target", "x"} <= columns.keys():
        if row["Target"] == "0":
            return None
        return _sized(row, row["patientId"], OPACITY, ("x", "y", "width", "height"), "RSNA 2018")
    if {"image index", "finding label"} <= columns.keys():
        # The header is "Bbox [x,y,w,h],,,": the four values have no names that could be relied on.
        names = list(row.fields)
        place = names.index(columns["finding label"]) + 1
        return _sized(row, row[columns["image index"]], row[columns["finding label"]], names[place : place + 4], "NIH")
    needed = ("image", "label", "x", "y", "width", "height")
    if not columns.keys() >= set(needed):
        raise InputError(f"the box file needs the columns {', '.join(needed)}; it has {', '.join(columns)}")
    source = row.get(columns.get("source", "")) or "boxes"
    return _sized(row, row[columns["image"]], row[columns["label"]], [columns[name] for name in needed[2:]], source)


def _sized(row: Row, image: str, label: str, names: "list[str] | tuple[str, ...]", source: str) -> FileBox:
    x, y, width, height = (_number(row, name) for name in names)
    return _checked(image, label, (x, y, x + width, y + height), source)


def _number(row: Row, name: str) -> float:
    try:
        return float(row[name])
    except ValueError:
        raise ValueError(f"{row[name]!r} in column {name!r} is no number") from None


def _checked(image: str, label: str, corners: tuple[float, ...], source: str) -> FileBox:
    x0, y0, x1, y1 = corners
    if not image or not label:
        raise ValueError("no image or label")
    if not (x1 > x0 >= 0 and y1 > y0 >= 0):
        raise ValueError(f"the box ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) has no area on an image")
    return FileBox(image, label, (x0, y0, x1, y1), source)


def _label(name: str) -> str | None:
    if name.strip().lower() in _OPACITY_NAMES:
        return OPACITY
    return canonical(name) or VINBIGDATA.get(name)
