"""Places in a model's text: found, taken out of the text, and put onto the film.

Families, told apart by what stands there:

- PaliGemma: ``<loc0123><loc0456><loc0789><loc1000> label``: y0, x0, y1, x1 in 1,024 bins of the picture.
- MedGemma 1.5, Gemini: ``{"box_2d": [y0, x0, y1, x1], "label": "..."}``: 0 to 1,000, y before x, often in a list inside
  a ``json`` fence, and cut off where the answer was too long.
- MAIRA-2: ``<obj>phrase<box><x10><y20><x55><y60></box></obj>``: x before y, in 100 bins; an
  edge lies in its bin's middle.
- Free text: no places at all.

Every scan is linear in the text, so that a long answer costs time in proportion and no more. What cannot be a box
(reversed, out of range, not a number, beside the film, too many) is dropped and counted.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lucidray.domain.answer import NamedBox
from lucidray.domain.box import Box
from lucidray.readers.letterbox import Letterbox
from lucidray.readers.plain_text import one_line

MAX_BOXES = 64
MAX_NAME = 120
LOC_BINS = 1024
BOX_2D_RANGE = 1000.0
MAIRA_BINS = 100
_MAX_OBJECT = 2000
_MAX_WRAPPERS = 3  # a list, a fence, and one to spare

_LOC_RUN = re.compile(r"<loc\d{1,6}>(?:[ \t]*<loc\d{1,6}>)*")
_LOC = re.compile(r"<loc(\d{1,6})>")
_LOC_REST = re.compile(r"<seg\d{1,4}>|<(?:loc|seg)\d{0,6}\Z")
_MAIRA = re.compile(r"<(/?)(obj|box)>|<([xy])(\d{1,6})>")
_OBJECT = re.compile(r"\{[^{}]*\}")


class Place(NamedTuple):
    """A box in shares of the picture, and what it is called; None where it cannot be a box."""

    name: str
    shares: Box | None


@dataclass(frozen=True)
class Grounded:
    """A text and its places.

    Attributes
    ----------
    text : str
        Without what only places boxes.
    boxes : tuple of NamedBox
        In pixels of the film, inside its borders.
    dropped : int
        Boxes that could not be read, or lie beside the film.
    """

    text: str
    boxes: tuple[NamedBox, ...]
    dropped: int


def ground(raw: str, letterbox: Letterbox) -> Grounded:
    """Take the places out of a text and put them onto the film.

    Parameters
    ----------
    raw : str
        As the model wrote it, special tokens that place boxes included.
    letterbox : Letterbox
        How the film lay on the picture that the model saw.
    """
    places: list[Place] = []
    text = _take_maira(raw, places)
    text = _take_locs(text, places)
    text = _take_json(text, places)
    boxes: list[NamedBox] = []
    for place in places:
        box = letterbox.shares_to_film(place.shares) if place.shares is not None else None
        if box is not None and len(boxes) < MAX_BOXES:
            boxes.append(NamedBox(one_line(place.name)[:MAX_NAME], box))
    return Grounded(_tidy(text), tuple(boxes), len(places) - len(boxes))


def _shares(x0: float, y0: float, x1: float, y1: float) -> Box | None:
    """Return a box in shares of the picture, or None where it is none."""
    values = (x0, y0, x1, y1)
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in values) or x1 <= x0 or y1 <= y0:
        return None
    return Box(*values)


# PaliGemma


def _take_locs(text: str, places: list[Place]) -> str:
    if "<loc" not in text and "<seg" not in text:
        return text
    kept: list[str] = []
    end = 0
    for run in _LOC_RUN.finditer(text):
        kept.append(text[end : run.start()])
        end = run.end()
        bins = [int(found) for found in _LOC.findall(run.group())]
        name = _label_behind(text, end)
        # A label stands behind its own box only: of several in a row, the last one has it.
        for start in range(0, len(bins), 4):
            group = bins[start : start + 4]
            places.append(Place(name if start + 4 >= len(bins) else "", _from_locs(group)))
    kept.append(text[end:])
    return _LOC_REST.sub("", "".join(kept))


def _from_locs(bins: Sequence[int]) -> Box | None:
    if len(bins) != 4 or max(bins) >= LOC_BINS:
        return None
    y0, x0, y1, x1 = (value / LOC_BINS for value in bins)
    return _shares(x0, y0, x1, y1)


def _label_behind(text: str, start: int) -> str:
    ahead = text[start : start + MAX_NAME]
    return re.split(r"[;\n<]", ahead, maxsplit=1)[0].strip()


# MAIRA-2


def _take_maira(text: str, places: list[Place]) -> str:
    if not any(mark in text for mark in ("<box>", "</box>", "<obj>", "</obj>")):
        return text
    kept: list[str] = []
    phrase = ""
    axes: list[tuple[str, int]] | None = None
    end = 0
    for token in _MAIRA.finditer(text):
        between = text[end : token.start()]
        end = token.end()
        if axes is None:
            kept.append(between)
            phrase = (phrase + between)[-MAX_NAME:]
        elif between.strip():
            # Words inside a box: it is none, but the words stay.
            axes.append(("?", 0))
            kept.append(between)
        closing, what, axis, number = token.groups()
        if axis:
            if axes is not None:
                axes.append((axis, int(number)))
            continue
        if what == "obj":
            _close(axes, phrase, places)
            axes, phrase = None, ""
            kept.append(" " if closing else "")
        elif closing:
            _close(axes or [], phrase, places)
            axes = None
        else:
            _close(axes, phrase, places)
            axes = []
    _close(axes, phrase, places)
    kept.append(text[end:])
    return "".join(kept)


def _close(axes: list[tuple[str, int]] | None, phrase: str, places: list[Place]) -> None:
    if axes is not None:
        places.append(Place(phrase.strip(), _from_maira(axes)))


def _from_maira(axes: Sequence[tuple[str, int]]) -> Box | None:
    if [axis for axis, _ in axes] != ["x", "y", "x", "y"] or max(number for _, number in axes) >= MAIRA_BINS:
        return None
    x0, y0, x1, y1 = ((number + 0.5) / MAIRA_BINS for _, number in axes)
    return _shares(x0, y0, x1, y1)


# box_2d


def _take_json(text: str, places: list[Place]) -> str:
    if "box_2d" not in text:
        return text
    spans: list[tuple[int, int]] = []
    for found in _OBJECT.finditer(text):
        if "box_2d" in found.group():
            places.extend(_from_object(found.group()))
            spans.append(found.span())
    # What was cut off: the last brace that nothing closes.
    last = spans[-1][1] if spans else 0
    opened = text.find("{", last)
    if opened >= 0 and "box_2d" in text[opened:] and "}" not in text[opened:]:
        places.append(Place("", None))
        spans.append((opened, len(text)))
    text = _without(text, spans)
    # Whatever still speaks of boxes is none that can be read.
    left = text.count("box_2d")
    if left:
        places.extend([Place("", None)] * left)
        text = "\n".join(line for line in text.split("\n") if "box_2d" not in line)
    return text


def _from_object(written: str) -> Iterator[Place]:
    try:
        fields = json.loads(written) if len(written) <= _MAX_OBJECT else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        yield Place("", None)
        return
    name = fields.get("label", fields.get("name", ""))
    name = name if isinstance(name, str) else ""
    box = fields.get("box_2d")
    boxes = box if isinstance(box, list) and box and all(isinstance(each, list) for each in box) else [box]
    for each in boxes:
        yield Place(name, _from_box_2d(each))


def _from_box_2d(values: object) -> Box | None:
    if not isinstance(values, list) or len(values) != 4:
        return None
    # JSON's true is a number to Python, and no coordinate; a huge integer is no float.
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    if any(not 0 <= value <= BOX_2D_RANGE for value in values):
        return None
    y0, x0, y1, x1 = (value / BOX_2D_RANGE for value in values)
    return _shares(x0, y0, x1, y1)


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Take spans out of a text, with the commas, brackets and fences that held only them."""
    merged: list[list[int]] = []
    for start, end in spans:
        if merged and not text[merged[-1][1] : start].strip(" \t\r\n,"):
            merged[-1][1] = end
        else:
            merged.append([start, end])
    kept: list[str] = []
    at = 0
    for start, end in merged:
        before = text[at:start].rstrip()
        after = end
        for _ in range(_MAX_WRAPPERS):
            rest = _skip_space(text, after)
            if before.endswith("["):
                before = before[:-1].rstrip()
                after = rest + 1 if text.startswith("]", rest) else after
            elif before[-7:].lower() == "```json" or before.endswith("```"):
                before = before[: before.rindex("```")].rstrip()
                after = rest + 3 if text.startswith("```", rest) else after
            else:
                break
        kept.append(before + "\n")
        at = after
    kept.append(text[at:])
    return "".join(kept)


def _skip_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _tidy(text: str) -> str:
    """Trim lines, and allow one empty line in a row."""
    lines: list[str] = []
    for line in text.split("\n"):
        # Runs of blanks by split, as a pattern for them would not be linear at a line's end.
        short = " ".join(line.split())
        if short or (lines and lines[-1]):
            lines.append(short)
    return "\n".join(lines).strip()
