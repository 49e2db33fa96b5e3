import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lucidray.models.prepare import _percentile, resize, square


def drawn(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (0.5 + 0.3 * np.sin(9 * x / width) * np.cos(5 * y / height) + 0.2 * (x / width)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(128, 1500), width=st.integers(128, 1500), size=st.sampled_from([96, 224, 256]))
def test_it_is_what_pillow_does(height: int, width: int, size: int) -> None:
    pixels = np.random.default_rng(height).random((height, width), dtype=np.float32)
    pillow = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    assert np.abs(resize(pixels, size, size) - np.asarray(pillow)).max() < 1e-4


@pytest.mark.parametrize(("height", "width"), [(512, 512), (1955, 1841), (777, 1111), (130, 128)])
def test_a_smooth_film_keeps_its_shape(height: int, width: int) -> None:
    assert np.abs(resize(drawn(height, width), 200, 200) - drawn(200, 200)).max() < 0.03


def test_what_is_where_stays_where_it_is() -> None:
    pixels = np.zeros((1955, 1841), np.float32)
    pixels[:100, -120:] = 1
    small = resize(pixels, 224, 224)
    assert small[0, -1] == pytest.approx(1, abs=1e-3)
    assert small[0, 0] == small[-1, -1] == small[-1, 0] == 0


@given(gain=st.floats(0.05, 3), offset=st.floats(-2, 2))
@settings(max_examples=20, deadline=None)
def test_a_square_does_not_know_the_window_of_its_source(gain: float, offset: float) -> None:
    pixels = drawn(300, 400)
    assert np.abs(square(pixels, 224) - square(np.float32(gain) * pixels + np.float32(offset), 224)).max() < 1e-3


def test_a_film_of_one_grey_value_is_black_and_finite() -> None:
    assert not square(np.full((200, 300), 0.7, np.float32), 224).any()


def test_a_square_is_in_range_and_leaves_the_film_alone() -> None:
    pixels = drawn(900, 700)
    before = pixels.copy()
    small = square(pixels, 256)
    assert small.dtype == np.float32
    assert (small.min(), small.max()) == (0, 1)
    assert np.array_equal(pixels, before)


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=300), st.floats(0, 100))
def test_a_percentile_is_that_of_numpy(values: list[float], percent: float) -> None:
    array = np.array(values, dtype=np.float32)
    assert _percentile(np.sort(array), percent) == pytest.approx(np.percentile(array, percent), abs=1e-4)
