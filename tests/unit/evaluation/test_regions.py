"""Heatmaps against boxes: corners, rows and columns are not mixed up."""

import numpy as np
import pytest

from lucidray.domain.box import Box
from lucidray.evaluation.regions import enlarged, holds, hottest, regions


@pytest.fixture
def hot_upper_right() -> np.ndarray:
    """A 4 x 8 map that is hot in its upper right corner, as seen."""
    activation = np.zeros((4, 8), dtype=np.float32)
    activation[0, 6:] = 2.0
    return activation


def test_region_is_where_the_map_is_hot(hot_upper_right: np.ndarray) -> None:
    assert regions(hot_upper_right, 1.0) == [Box(0.75, 0.0, 1.0, 0.25)]


def test_nothing_reaches_a_high_cut(hot_upper_right: np.ndarray) -> None:
    assert regions(hot_upper_right, 3.0) == []


def test_pointing_game(hot_upper_right: np.ndarray) -> None:
    assert holds(Box(0.7, 0.0, 1.0, 0.3), hottest(hot_upper_right))
    assert not holds(Box(0.0, 0.0, 0.3, 0.3), hottest(hot_upper_right))
    assert not holds(Box(0.7, 0.7, 1.0, 1.0), hottest(hot_upper_right))


def test_enlarging_keeps_places(hot_upper_right: np.ndarray) -> None:
    large = enlarged(hot_upper_right)
    assert large.shape == (16, 32)
    assert large[:2, 30:].min() == pytest.approx(2.0)
    assert large[8:].max() == 0.0
    assert large[:, :16].max() == 0.0
