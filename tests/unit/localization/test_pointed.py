"""A reader's boxes: on the stored pixels whatever was turned, on the patient's side by the lungs."""

import numpy as np
import pytest

from lucidray.domain.answer import NamedBox
from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph
from lucidray.localization.pointed import place
from lucidray.localization.sides import find_thorax
from lucidray.models.fake import drawn_anatomy

NOTE = Note(code="turned", message="Turned.")
THORAX = find_thorax(drawn_anatomy())


def film(quarter_turns: int = 0, spacing=None) -> Radiograph:
    """A film of 300 x 400 as read, whatever was stored."""
    size = (400, 300) if quarter_turns % 2 == 0 else (300, 400)
    stored = Radiograph(np.zeros(size, np.float32), "film", "PNG", pixel_spacing_mm=spacing)
    return stored.turned(quarter_turns, NOTE)


def on_image_left(of: Radiograph) -> NamedBox:
    return NamedBox("opacity", Box(0.2, 0.6, 0.4, 0.7).scaled(of.width_px, of.height_px))


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_boxes_go_back_to_the_stored_image_and_sides_stay(quarter_turns) -> None:
    read = film(quarter_turns)
    (region,), dropped = place([on_image_left(read)], THORAX, read, lambda name: "Consolidation")
    assert dropped == 0
    assert (region.side, region.zone, region.label) == ("right", "lower", "Consolidation")
    back = read.from_stored(Box(*region.box_xyxy_px))
    assert back == pytest.approx(on_image_left(read).box, abs=0.06)
    width, height = read.stored_size_px
    x0, y0, x1, y1 = region.box_xyxy_px
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height


@pytest.mark.parametrize(
    ("box", "label", "side"),
    [
        ((0.65, 0.4, 0.8, 0.5), None, "left"),
        ((0.2, 0.4, 0.8, 0.5), None, "both"),
        ((0.46, 0.3, 0.56, 0.35), None, "midline"),
        ((0.45, 0.3, 0.51, 0.35), "Effusion", "right"),
        ((0.3, 0.5, 0.3001, 0.5001), None, "right"),
    ],
)
def test_sides_are_the_lungs(box, label, side) -> None:
    read = film()
    named = NamedBox("x", Box(*box).scaled(read.width_px, read.height_px))
    (region,), _ = place([named], THORAX, read, lambda name: label)
    assert region.side == side


def test_sizes_follow_the_spacing_of_the_stored_image() -> None:
    read = film(1, spacing=(0.5, 0.25))
    (region,), _ = place([on_image_left(read)], THORAX, read, lambda name: None)
    x0, y0, x1, y1 = region.box_xyxy_px
    assert region.size_mm == pytest.approx(((x1 - x0) * 0.25, (y1 - y0) * 0.5), abs=0.11)
    assert place([on_image_left(film())], THORAX, film(), lambda name: None)[0][0].size_mm is None


def test_what_lies_outside_is_dropped_and_counted() -> None:
    read = film()
    boxes = [
        NamedBox("in", Box(0, 0, 10, 10)),
        NamedBox("out", Box(400, 10, 420, 20)),
        NamedBox("nan", Box(float("nan"), 0, 1, 1)),
        NamedBox("part", Box(290, 390, 310, 410)),
    ]
    regions, dropped = place(boxes, THORAX, read, lambda name: None)
    assert dropped == 2
    assert [(one.id, one.name) for one in regions] == [("reader-region-1", "in"), ("reader-region-2", "part")]
    assert regions[1].box_xyxy_px == (290, 390, 300, 400)


def test_without_lungs_there_is_no_side() -> None:
    read = film()
    (region,), _ = place([on_image_left(read)], None, read, lambda name: None)
    assert (region.side, region.zone, region.size_fraction_thorax) == (None, None, None)
