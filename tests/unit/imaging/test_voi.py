"""The maths of stored values, windows and lookup tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.errors import InputError
from lucidray.imaging.voi import (
    LookupTable,
    Rescale,
    StoredFormat,
    apply_voi_window,
    padding_codes,
    present_codes,
    show,
    stretch,
)


def test_linear_window_is_the_formula_of_the_standard() -> None:
    # PS3.3 C.11.2.1.2.1, the note's own example: centre 2048, width 4096 maps 0 to 0 and 4095 to 1.
    shown = apply_voi_window([0, 2047.5, 4095], 2048, 4096)
    np.testing.assert_allclose(shown, [0, 0.5, 1])


def test_linear_window_of_width_one_is_a_step() -> None:
    np.testing.assert_array_equal(apply_voi_window([-1, 99, 99.5, 100, 101], 100, 1), [0, 0, 0, 1, 1])


def test_linear_exact_differs_from_linear() -> None:
    np.testing.assert_allclose(apply_voi_window([0, 5, 10], 5, 10, "LINEAR_EXACT"), [0, 0.5, 1])
    np.testing.assert_allclose(apply_voi_window([0.25, 0.5], 0.5, 0.5, "LINEAR_EXACT"), [0, 0.5])


def test_sigmoid_is_a_half_at_its_centre_and_never_overflows() -> None:
    assert apply_voi_window([700.0], 700, 100, "SIGMOID") == pytest.approx([0.5])
    far = apply_voi_window([-1e9, 1e9], 0, 1e-9, "SIGMOID")
    np.testing.assert_array_equal(far, [0, 1])


@pytest.mark.parametrize(
    ("width", "function"),
    [(0.5, "LINEAR"), (0, "LINEAR_EXACT"), (-5, "SIGMOID"), (float("nan"), "LINEAR"), (float("inf"), "LINEAR_EXACT")],
)
def test_windows_that_mean_nothing_are_refused(width: float, function: str) -> None:
    with pytest.raises(InputError, match="window"):
        apply_voi_window([1.0], 1, width, function)  # type: ignore[arg-type]


@given(
    center=st.floats(-1e6, 1e6),
    width=st.floats(1, 1e6),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_windows_are_monotonic_and_stay_in_range(center: float, width: float, function: str) -> None:
    shown = apply_voi_window(np.linspace(-2e6, 2e6, 501), center, width, function)  # type: ignore[arg-type]
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert (np.diff(shown) >= 0).all()


def test_stored_values_ignore_overlay_bits_and_keep_the_sign() -> None:
    signed = StoredFormat(16, 12, 11, signed=True).values()
    assert signed[0x0FFF] == -1
    assert signed[0xFFFF] == -1
    assert signed[0xF7FF] == 2047
    assert signed[0x0800] == -2048
    left_aligned = StoredFormat(16, 12, 15, signed=False).values()
    assert left_aligned[0xABCD] == 0xABC


def test_lookup_table_clamps_at_both_ends() -> None:
    table = LookupTable(np.array([10.0, 20.0, 30.0]), first=-1)
    np.testing.assert_array_equal(table(np.array([-5.0, -1.0, 0.4, 1.0, 99.0])), [10, 10, 20, 30, 30])


def test_rescale() -> None:
    np.testing.assert_array_equal(Rescale(-2.0, 5.0)(np.array([0.0, 1.0])), [5, 3])


def test_stretch_survives_the_widest_range_and_a_flat_film() -> None:
    top = np.finfo(np.float64).max
    np.testing.assert_array_equal(stretch(np.array([-top, 0.0, top]), -top, top), [0, 0.5, 1])
    np.testing.assert_array_equal(stretch(np.array([7.0, 7.0]), 7.0, 7.0), [0, 0])


def test_padding_is_a_range_in_either_order_and_may_lie_outside_bits_stored() -> None:
    stored = StoredFormat(16, 12, 11, signed=True)
    assert padding_codes(stored, -2000, -2000)[(-2000) & 0xFFF]
    assert np.array_equal(padding_codes(stored, 5, 9), padding_codes(stored, 9, 5))
    outside = padding_codes(StoredFormat(16, 12, 11, signed=False), 0xF800, 0xF800)
    assert outside[0xF800]
    assert not outside[0x0800]


def test_looking_up_is_exact_for_every_code() -> None:
    codes = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    table = np.linspace(0, 1, 65_536)
    shown = show(codes, table)
    assert shown.dtype == np.float32
    np.testing.assert_array_equal(shown.ravel(), table.astype(np.float32))
    assert present_codes(codes[:1], 16).sum() == 256
