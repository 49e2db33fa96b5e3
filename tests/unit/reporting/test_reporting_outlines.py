"""Outlines of masks, the ratio's lines, and the layout of tags."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.box import Box
from lucidray.reporting.outlines import outlines
from lucidray.reporting.tags import lay_out


def area(ring: np.ndarray) -> float:
    x, y = ring.T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def test_an_outline_runs_around_its_mask() -> None:
    y, x = (np.indices((200, 100)) + 0.5) / [[[200]], [[100]]]
    mask = ((x - 0.3) / 0.2) ** 2 + ((y - 0.6) / 0.3) ** 2 < 1
    (ring,) = outlines(mask)
    assert area(ring) == pytest.approx(mask.mean(), rel=0.03)
    assert ring.mean(axis=0) == pytest.approx([0.3, 0.6], abs=0.02)
    assert ring[:, 0].min() == pytest.approx(0.1, abs=0.01)
    assert ring[:, 1].max() == pytest.approx(0.9, abs=0.01)


def test_pieces_and_holes_have_outlines_of_their_own_and_specks_none() -> None:
    mask = np.zeros((120, 120), bool)
    mask[10:60, 10:60] = True
    mask[25:45, 25:45] = False
    mask[70:110, 70:110] = True
    mask[5, 100] = True
    assert len(outlines(mask)) == 3
    assert outlines(np.zeros((20, 20), bool)) == []


@given(st.integers(0, 2**32 - 1))
def test_any_mask_has_closed_outlines(seed: int) -> None:
    mask = np.random.default_rng(seed).random((24, 24)) < 0.6
    for ring in outlines(mask):
        assert ring.min() >= 0
        assert ring.max() <= 1


def test_a_mask_that_reaches_every_border_has_an_outline() -> None:
    (ring,) = outlines(np.ones((50, 50), bool))
    assert area(ring) == pytest.approx(1, rel=0.05)


def test_tags_of_one_place_do_not_cover_each_other() -> None:
    bounds = Box(0, 0, 600, 600)
    boxes = [Box(100 + 3 * step, 200 + 3 * step, 300, 400) for step in range(5)]
    tags = lay_out(boxes, [(120.0, 24.0)] * 5, bounds, [Box(90, 150, 400, 190)])
    for number, tag in enumerate(tags):
        assert tag.clipped(bounds) == tag
        assert (tag.width, tag.height) == (120, 24)
        assert not any(tag.intersection(other) for other in [*tags[:number], Box(90, 150, 400, 190)])


def test_a_tag_stays_on_the_film_even_where_its_box_touches_the_border() -> None:
    bounds = Box(0, 0, 200, 200)
    (tag,) = lay_out([Box(180, 0, 200, 10)], [(90.0, 20.0)], bounds)
    assert tag.clipped(bounds) == tag
    (too_wide,) = lay_out([Box(0, 0, 10, 10)], [(300.0, 20.0)], bounds)
    assert too_wide.x0 == 0
