"""Maps land where they belong on the whole film, whatever part of it a network saw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.models.frame import WHOLE, Frame
from lucidray.models.preparation import Fit, Preparation


def hottest(values: np.ndarray) -> tuple[float, float]:
    """Return the centre of mass of the hottest places as (x, y) shares of the film."""
    rows, columns = np.nonzero(values >= values.max() - 1e-6)
    return float((columns + 0.5).mean() / values.shape[1]), float((rows + 0.5).mean() / values.shape[0])


def test_the_whole_film_keeps_its_grid() -> None:
    values = np.random.default_rng(0).random((7, 7), np.float32)
    heatmap = WHOLE.heatmap(values, 0.5)
    assert np.array_equal(heatmap.values, values)
    assert heatmap.cell is None


def test_what_was_cut_off_shows_nothing() -> None:
    heatmap = Frame(0.2, 0.0, 0.8, 1.0).heatmap(np.ones((8, 8), np.float32), 0.5)
    columns = (np.arange(heatmap.values.shape[1]) + 0.5) / heatmap.values.shape[1]
    outside = (columns < 0.2) | (columns > 0.8)
    assert not heatmap.values[:, outside].any()
    assert (heatmap.values[:, ~outside] == 1).all()
    assert heatmap.cell == pytest.approx((1 / 8, 0.6 / 8))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(130, 700),
    columns=st.integers(130, 700),
    fit=st.sampled_from(["stretch", "crop", "pad"]),
    crop_share=st.sampled_from([1.0, 0.875]),
    x=st.floats(0.1, 0.9),
    y=st.floats(0.1, 0.9),
)
def test_a_hot_spot_comes_back_to_where_it_is(
    rows: int, columns: int, fit: Fit, crop_share: float, x: float, y: float
) -> None:
    """Prepare a film with one bright spot, take its cell means for a map, lay the map over the film."""
    size, cell = 96, 8
    preparation = Preparation((size, size), channels=1, fit=fit, crop_share=crop_share if fit == "crop" else 1.0)
    pixels = np.zeros((rows, columns), np.float32)
    radius = max(rows, columns) // 24
    grid_y, grid_x = np.indices(pixels.shape)
    pixels[(grid_x - x * columns) ** 2 + (grid_y - y * rows) ** 2 <= radius**2] = 1
    seen, frame = preparation.apply(pixels)
    values = seen[0, 0].reshape(size // cell, cell, size // cell, cell).mean(axis=(1, 3))
    margin_x, margin_y = radius / columns, radius / rows
    if not (frame.x0 + margin_x <= x <= frame.x1 - margin_x and frame.y0 + margin_y <= y <= frame.y1 - margin_y):
        return  # cut off, or nearly: nothing to come back
    heatmap = frame.heatmap(values / values.max(), 0.5)
    found_x, found_y = hottest(heatmap.values)
    high, wide = heatmap.cell or (1 / values.shape[0], 1 / values.shape[1])
    assert abs(found_x - x) <= 1.1 * wide
    assert abs(found_y - y) <= 1.1 * high


@pytest.mark.parametrize(("rows", "columns"), [(400, 300), (300, 400), (300, 300)])
def test_the_middle_is_cut_out(rows: int, columns: int) -> None:
    seen, frame = Preparation((100, 100), channels=1, fit="crop").apply(np.zeros((rows, columns), np.float32))
    assert seen.shape == (1, 1, 100, 100)
    assert frame.x0 + frame.x1 == pytest.approx(1, abs=0.02)
    assert frame.y0 + frame.y1 == pytest.approx(1, abs=0.02)
    side = min(rows, columns)
    assert frame.x1 - frame.x0 == pytest.approx(side / columns, abs=0.02)
    assert frame.y1 - frame.y0 == pytest.approx(side / rows, abs=0.02)


def test_grey_values_channels_and_range() -> None:
    film = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32).repeat(20, axis=0).repeat(20, axis=1)
    wide = Preparation((40, 40), channels=1, fit="stretch", low=-1024, high=1024)
    seen, _ = wide.apply(film)
    assert (seen.min(), seen.max()) == (-1024, 1024)
    assert seen[0, 0, 0, 0] == -1024
    three = Preparation((40, 40), channels=3, mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.4))
    seen, _ = three.apply(film)
    assert seen[0, :, 0, 0] == pytest.approx([-5, -2, -0.75])
    assert seen[0, :, 0, -1] == pytest.approx([5, 3, 1.75])
