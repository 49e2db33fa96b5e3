"""What people corrected, as training films: pictures, `labels.csv` and `boxes.csv` as the training folders have them.

Every row says `model_assisted`: the person saw what the model said first, so such films may teach a model, but never
measure one. `known_labels` names the findings that the person decided; of all others nothing is known.
"""

import csv
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from lucidray.domain.errors import InputError, OutputError
from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.server.pictures import Pictures
from lucidray.store import audit
from lucidray.store.edits import Edit, EditedBox, Edits
from lucidray.store.entry import Entry
from lucidray.store.filters import Filter
from lucidray.store.readings import Readings

_PAGE = 200
_SEXES = {"female": "F", "male": "M"}
LABEL_COLUMNS = (
    "image",
    "patient_id",
    "follow_up",
    "age",
    "sex",
    "view",
    "finding_labels",
    "known_labels",
    "original_width",
    "original_height",
    "original_spacing_mm",
    "model_assisted",
    "split",
)
BOX_COLUMNS = ("image", "source", "label", "x", "y", "width", "height", "model_assisted")


@dataclass(frozen=True)
class Correction:
    """One film as a person left it.

    Attributes
    ----------
    entry : Entry
    reading : Reading
        The model's.
    present, known : set of Label
        What is on the film, and of what anybody said whether it is.
    boxes : list of EditedBox
        Of findings that are present.
    """

    entry: Entry
    reading: Reading
    present: set[Label]
    known: set[Label]
    boxes: list[EditedBox]


def decided(edit: Edit) -> tuple[set[Label], set[Label], list[EditedBox]]:
    """Return what is present, what is known, and the boxes of what is present.

    A finding is present where it was accepted, and where a person drew or moved a box of it and did not reject it.
    """
    present = {label for label, decision in edit.decisions.items() if decision == "accepted"}
    rejected = {label for label, decision in edit.decisions.items() if decision == "rejected"}
    boxes = edit.boxes or []
    present |= {box.label for box in boxes if box.origin != "model"} - rejected
    return present, present | rejected, [box for box in boxes if box.label in present]


def corrections(readings: Readings, edits: Edits, *, signed_only: bool) -> list[Correction]:
    """Return the latest correction of each film, oldest film first."""
    latest: dict[str, Correction] = {}
    for found in _done(readings):
        if not found.edit_number or (signed_only and found.signed_at is None):
            continue
        version = edits.latest(found.id)
        if version is None:
            continue
        present, known, boxes = decided(version.edit)
        if known:
            reading, _ = readings.document(found.id)
            latest[found.film] = Correction(found, reading, present, known, boxes)
    return list(latest.values())


def export(
    readings: Readings, edits: Edits, pictures: Pictures, out: Path, actor: str, *, signed_only: bool = True
) -> tuple[int, int]:
    """Write the folder, whole or not at all.

    Parameters
    ----------
    readings, edits, pictures
        Of the store.
    out : Path
        Must not exist yet.
    actor : str
        For the audit log.
    signed_only : bool
        Leave out what nobody signed.

    Returns
    -------
    (int, int)
        Films written, and films left out because they could not be read from the disk any more.

    Raises
    ------
    OutputError
        `out` exists, or cannot be written.
    """
    hidden = out.with_name(f".{out.name}.partial")
    try:
        if out.exists():
            raise OutputError(f"{out} exists already: name a new folder")
        shutil.rmtree(hidden, ignore_errors=True)
        (hidden / "images").mkdir(parents=True)
        labels: list[dict[str, object]] = []
        boxes: list[dict[str, object]] = []
        lost = 0
        for one in corrections(readings, edits, signed_only=signed_only):
            try:
                picture = pictures.film_png(one.entry.id, center=None, width=None, longest_px=None)
            except InputError:
                lost += 1
                continue
            image = f"{one.entry.film}.png"
            (hidden / "images" / image).write_bytes(picture)
            labels.append(_label_row(image, one))
            boxes.extend(_box_row(image, box) for box in one.boxes)
        (hidden / "labels.csv").write_text(_table(LABEL_COLUMNS, labels), encoding="utf-8", newline="")
        (hidden / "boxes.csv").write_text(_table(BOX_COLUMNS, boxes), encoding="utf-8", newline="")
        # The log first: what is there afterwards has been told.
        with readings.database.write() as connection:
            audit.append(connection, actor, "exported", "", f"feedback of {len(labels)} films")
        hidden.rename(out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return len(labels), lost


def _done(readings: Readings) -> Iterator[Entry]:
    offset = 0
    while found := readings.find(Filter(status=("done",)), sort="oldest", limit=_PAGE, offset=offset)[0]:
        yield from found
        offset += len(found)


def _label_row(image: str, one: Correction) -> dict[str, object]:
    facts = one.reading.image
    return {
        "image": image,
        # Whose film it is, nobody here knows: every film is a patient of its own.
        "patient_id": f"feedback-{one.entry.film[:16]}",
        "follow_up": 0,
        "age": "" if facts.age is None else f"{facts.age:g}",
        "sex": _SEXES.get(facts.sex or "", ""),
        "view": "" if facts.view == "unknown" else facts.view,
        "finding_labels": "|".join(label for label in LABELS if label in one.present) or "No Finding",
        "known_labels": "|".join(label for label in LABELS if label in one.known),
        "original_width": facts.width_px,
        "original_height": facts.height_px,
        "original_spacing_mm": "" if facts.pixel_spacing_mm is None else facts.pixel_spacing_mm[0],
        "model_assisted": 1,
        "split": "train",
    }


def _box_row(image: str, box: EditedBox) -> dict[str, object]:
    x0, y0, x1, y1 = box.box_xyxy_px
    return {
        "image": image,
        "source": f"lucidray feedback ({box.origin})",
        "label": box.label,
        "x": round(x0, 2),
        "y": round(y0, 2),
        "width": round(x1 - x0, 2),
        "height": round(y1 - y0, 2),
        "model_assisted": 1,
    }


def _table(columns: tuple[str, ...], rows: list[dict[str, object]]) -> str:
    file = StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
