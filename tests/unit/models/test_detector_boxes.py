"""Boxes off a detector's answer, and back onto the film, for any film and any box."""

import numpy as np
import pytest
from detectors import end_to_end, yolov5, yolov8
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.domain.box import Box
from lucidray.domain.errors import ModelError
from lucidray.models.detector_boxes import Drawn, decode, ious, letterboxed, suppress

SIZE = 64
BOXES = [(4.0, 6.0, 20.0, 30.0, 0.9, 1), (40.0, 8.0, 60.0, 20.0, 0.6, 0), (10.0, 40.0, 30.0, 60.0, 0.3, 2)]


@pytest.mark.parametrize(
    ("layout", "answer"),
    [("yolov8", yolov8(BOXES, SIZE, 3)), ("yolov5", yolov5(BOXES, SIZE, 3)), ("end-to-end", end_to_end(BOXES))],
)
def test_every_layout_gives_the_same_boxes(layout, answer) -> None:
    drawn = decode(answer, layout, 3, 0.25, "it")
    assert drawn.classes.tolist() == [1, 0, 2]
    assert drawn.scores == pytest.approx([0.9, 0.6, 0.3], abs=1e-6)
    assert drawn.xyxy_px == pytest.approx(np.array([box[:4] for box in BOXES]), abs=1e-4)
    assert decode(answer, layout, 3, 0.5, "it").classes.tolist() == [1, 0]


def test_scores_and_classes_that_cannot_be_are_refused() -> None:
    for boxes, said in (
        ([(0, 0, 9, 9, 7.0, 0)], "scores"),
        ([(0, 0, 9, 9, 0.9, 3)], "classes"),
        ([(0, 0, 9, 9, 0.9, 0.5)], "classes"),
    ):
        with pytest.raises(ModelError, match=said):
            decode(end_to_end(boxes), "end-to-end", 3, 0.25, "it")
    with pytest.raises(ModelError, match="scores"):
        decode(np.full((1, 300, 6), np.nan), "end-to-end", 3, 0.25, "it")


def test_a_weaker_box_of_the_same_class_goes_and_one_of_another_class_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [20, 20, 30, 30]], dtype=np.float32)
    drawn = Drawn(boxes, np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32), np.array([0, 0, 1, 0]))
    kept = suppress(drawn, 0.5)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert suppress(drawn, 0.9).scores.size == 4


@given(st.lists(st.tuples(*[st.floats(0, 50)] * 4), min_size=1, max_size=8))
def test_overlap_is_that_of_boxes(corners) -> None:
    boxes = [Box(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    found = ious(np.array(boxes[0]), np.array(boxes))
    expected = [boxes[0].iou(box) if boxes[0].area and box.area else 0.0 for box in boxes]
    assert found == pytest.approx(expected, abs=1e-6)


SIDES = st.integers(20, 400)


@settings(max_examples=60)
@given(SIDES, SIDES, st.sampled_from([(64, 64), (96, 64), (64, 160)]), st.tuples(*[st.floats(0, 1)] * 4))
def test_a_box_comes_back_to_where_it_was(height, width, size, edges) -> None:
    x0, x1 = sorted((edges[0] * width, edges[1] * width))
    y0, y1 = sorted((edges[2] * height, edges[3] * height))
    box = Box(x0, y0, max(x1, x0 + 0.5), max(y1, y0 + 0.5)).clipped(Box(0, 0, width, height))
    if box is None:
        return
    _, frame = letterboxed(np.zeros((height, width), dtype=np.float32), size, 0.5)
    across, down = size[1] / (frame.x1 - frame.x0), size[0] / (frame.y1 - frame.y0)
    shares = box.scaled(1 / width, 1 / height)
    on_picture = Box(
        (shares.x0 - frame.x0) * across,
        (shares.y0 - frame.y0) * down,
        (shares.x1 - frame.x0) * across,
        (shares.y1 - frame.y0) * down,
    )
    back = frame.to_film(on_picture, size, width, height)
    assert back is not None
    assert back == pytest.approx(box, abs=1e-6)


@settings(max_examples=40)
@given(SIDES, SIDES, st.sampled_from([(64, 64), (96, 128)]), st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_a_bright_spot_is_where_its_box_says(height, width, size, share_x, share_y) -> None:
    half_x, half_y = max(3, width // 12), max(3, height // 12)
    x, y = int(share_x * width), int(share_y * height)
    spot = (max(x - half_x, 0), max(y - half_y, 0), min(x + half_x, width), min(y + half_y, height))
    pixels = np.zeros((height, width), dtype=np.float32)
    pixels[spot[1] : spot[3], spot[0] : spot[2]] = 1.0
    picture, frame = letterboxed(pixels, size, 0.0)
    rows, columns = np.nonzero(picture > 0.5)
    if not len(rows):
        return
    seen = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    back = frame.to_film(seen, size, width, height)
    assert back is not None
    # Half a pixel of the picture is what drawing it costs.
    slack = 1.0 + max(width, height) / min(size)
    assert all(abs(a - b) <= slack for a, b in zip(back, spot, strict=True))


def test_the_border_is_grey_and_the_film_keeps_its_proportions() -> None:
    picture, frame = letterboxed(np.ones((100, 50), dtype=np.float32), (64, 64), 114 / 255)
    assert (picture[:, 16:48] == 1).all()
    assert picture[:, :16] == pytest.approx(114 / 255)
    assert picture[:, 48:] == pytest.approx(114 / 255)
    assert (frame.x0, frame.x1) == pytest.approx((-0.5, 1.5))


def test_what_lies_beside_the_film_is_no_box() -> None:
    _, frame = letterboxed(np.ones((100, 50), dtype=np.float32), (64, 64), 0.5)
    assert frame.to_film(Box(0, 0, 15, 64), (64, 64), 50, 100) is None
    assert frame.to_film(Box(8, 0, 32, 64), (64, 64), 50, 100) == pytest.approx(Box(0, 0, 25, 100))
