import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.box import Box

WIDTH, HEIGHT = 300.0, 200.0
boxes = st.tuples(st.floats(0, 290), st.floats(0, 190), st.floats(1, 300), st.floats(1, 200)).map(
    lambda b: Box(b[0], b[1], min(b[0] + b[2], WIDTH), min(b[1] + b[3], HEIGHT))
)


@given(boxes, st.integers(-4, 4))
def test_a_turn_and_its_inverse_give_the_box_back(box: Box, turns: int) -> None:
    size = (WIDTH, HEIGHT) if turns % 2 == 0 else (HEIGHT, WIDTH)
    back = box.turned(turns, WIDTH, HEIGHT).turned(-turns, *size)
    assert tuple(back) == pytest.approx(tuple(box), abs=1e-9)


def test_a_quarter_turn_is_that_of_numpy() -> None:
    import numpy as np

    image = np.zeros((int(HEIGHT), int(WIDTH)))
    box = Box(10, 20, 40, 90)
    image[20:90, 10:40] = 1
    for turns in range(4):
        turned = box.turned(turns, WIDTH, HEIGHT)
        rows, columns = np.nonzero(np.rot90(image, turns))
        assert turned == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_bounded(one: Box, other: Box) -> None:
    assert one.iou(other) == pytest.approx(other.iou(one))
    assert 0 <= one.iou(other) <= 1 + 1e-12
    assert one.iou(one) == pytest.approx(1)


def test_what_lies_outside_is_clipped_away() -> None:
    bounds = Box(0, 0, 10, 10)
    assert Box(-5, 5, 5, 15).clipped(bounds) == Box(0, 5, 5, 10)
    assert Box(11, 0, 12, 5).clipped(bounds) is None
