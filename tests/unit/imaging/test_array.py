"""Arrays as films."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucidray.domain.errors import InputError
from lucidray.imaging.array import unit_range
from lucidray.imaging.film import read_film


def test_eight_bits_and_unit_floats_are_taken_as_they_are() -> None:
    bytes_ = np.array([[0, 51], [102, 255]], np.uint8)
    np.testing.assert_allclose(read_film(bytes_).pixels, [[0, 0.2], [0.4, 1]], atol=1e-7)
    floats = np.array([[0.25, 0.5]], np.float64)
    np.testing.assert_array_equal(read_film(floats).pixels, floats.astype(np.float32))
    assert read_film(np.array([[True, False]])).pixels.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    "dtype", [np.uint16, np.int8, np.int16, np.int32, np.uint32, np.int64, np.uint64, ">u2", ">i4"]
)
def test_other_integers_are_stretched_exactly(dtype: str) -> None:
    info = np.iinfo(np.dtype(dtype))
    array = np.array([[info.min, info.max // 2 + info.min // 2], [info.max, info.min]], dtype)
    np.testing.assert_allclose(read_film(array).pixels, [[0, 0.5], [1, 0]], atol=5e-3)
    twelve_bits = np.array([[100, 4095 if info.max >= 4095 else 126]], dtype)
    np.testing.assert_array_equal(read_film(twelve_bits).pixels, [[0, 1]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_floats_of_any_range_are_stretched(dtype: type[np.floating]) -> None:
    top = np.finfo(dtype).max
    np.testing.assert_allclose(read_film(np.array([[-top, 0, top]], dtype)).pixels, [[0, 0.5, 1]], atol=1e-3)
    np.testing.assert_allclose(read_film(np.array([[-1000, 0, 3000]], dtype)).pixels, [[0, 0.25, 1]], atol=1e-3)


@pytest.mark.parametrize("value", [7, -3])
def test_one_value_only_is_black(value: int) -> None:
    assert (read_film(np.full((3, 3), value, np.int16)).pixels == 0).all()
    assert (read_film(np.full((3, 3), value, np.float64)).pixels == 0).all()


def test_colour_is_turned_to_grey_and_told() -> None:
    array = np.zeros((10, 10, 3), np.uint8)
    array[:5, :, 0] = 255
    array[5:, :, 2] = 255
    film = read_film(array)
    np.testing.assert_allclose(film.pixels[[0, 9], 0], [0.299, 0.114], atol=1e-6)
    assert [note.code for note in film.warnings] == ["colour"]
    grey = np.repeat(np.arange(100, dtype=np.uint8).reshape(10, 10, 1), 3, axis=2)
    film = read_film(grey)
    np.testing.assert_allclose(film.pixels, grey[..., 0] / 255, atol=1e-7)
    assert film.warnings == ()


def test_alpha_is_composited_on_black_and_told() -> None:
    array = np.full((2, 2, 4), 200, np.uint8)
    array[..., 3] = [[255, 0], [255, 255]]
    film = read_film(array)
    np.testing.assert_allclose(film.pixels, np.array([[200, 0], [200, 200]]) / 255, atol=1e-6)
    assert [note.code for note in film.warnings] == ["alpha"]


def test_memory_layout_does_not_matter_and_the_source_is_left_alone() -> None:
    array = np.arange(12, dtype=np.uint16).reshape(3, 4)
    expected = read_film(array).pixels
    for variant in (np.asfortranarray(array), array.copy()[::1], np.pad(array, 1)[1:-1, 1:-1], array[:, ::-1][:, ::-1]):
        variant.flags.writeable = False
        film = read_film(variant)
        np.testing.assert_array_equal(film.pixels, expected)
        assert film.pixels.flags.c_contiguous
        assert film.pixels.flags.writeable
        assert not np.shares_memory(film.pixels, variant)
    floats = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    assert not np.shares_memory(read_film(floats).pixels, floats)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5)), "empty"),
        (np.zeros((5, 0, 3)), "empty"),
        (np.zeros(5), "shape"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros((1, 2, 2, 3)), "shape"),
        (np.array([[np.nan, 1.0]]), "not finite"),
        (np.array([[np.inf, 1.0]]), "not finite"),
        (np.zeros((2, 2), complex), "complex128"),
        (np.array([["a"]]), "U1"),
        (np.array([[None]]), "object"),
    ],
)
def test_what_is_no_image_is_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_film(array)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint32, np.int64, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=None,
    )
)
def test_results_are_always_finite_in_range_and_ordered(array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        with pytest.raises(InputError):
            read_film(array)
        return
    pixels = unit_range(array)
    assert pixels.dtype == np.float32
    assert np.isfinite(pixels).all()
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    order = np.argsort(array, axis=None)
    assert (np.diff(pixels.ravel()[order]) >= 0).all()
