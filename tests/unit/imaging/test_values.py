from io import BytesIO

import numpy as np
import pytest
from dicom_fixtures import film_dicom
from PIL import Image

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.imaging.film import read_film, read_grey_values

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def values_of(**attributes):
    return read_grey_values(film_dicom(RAMP, **attributes))


def test_values_are_those_of_the_detector() -> None:
    found = values_of(WindowCenter=2048, WindowWidth=100)
    np.testing.assert_array_equal(found.values, RAMP)
    assert (found.slope, found.intercept, found.top, found.inverted) == (1.0, 0.0, 4095, False)
    assert (found.window.center, found.window.width) == (2048, 100)


def test_a_rescale_is_told_and_undone_by_slope_and_intercept() -> None:
    found = values_of(RescaleSlope=2, RescaleIntercept=-1000, RescaleType="US")
    np.testing.assert_array_equal(found.values * found.slope + found.intercept, RAMP * 2.0 - 1000)
    assert found.unit == "US"


def test_fractions_keep_sixteen_bits() -> None:
    found = values_of(RescaleSlope=0.0123, RescaleIntercept=-3)
    np.testing.assert_allclose(found.values * found.slope + found.intercept, RAMP * 0.0123 - 3, atol=0.001)


def test_monochrome1_keeps_its_values_and_says_so() -> None:
    found = values_of(PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(found.values, RAMP)
    assert found.inverted
    assert found.tone[0] > found.tone[-1]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"WindowCenter": 1000, "WindowWidth": 600},
        {"WindowCenter": 1000, "WindowWidth": 600, "VOILUTFunction": "SIGMOID"},
        {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 1000, "WindowWidth": 2000},
        {"RescaleSlope": 0.5, "RescaleIntercept": 10},
    ],
)
def test_the_tone_shows_the_film_as_it_is_read(attributes) -> None:
    content = film_dicom(RAMP, **attributes)
    found, film = read_grey_values(content), read_film(content)
    shown = np.interp(found.values, np.linspace(0, found.top, len(found.tone)), found.tone)
    np.testing.assert_allclose(shown, film.pixels, atol=0.01)


def test_padding_does_not_stretch_the_range() -> None:
    pixels = np.where(RAMP < 1000, 1000, RAMP).astype(np.uint16)
    pixels[0, 0] = 0
    found = read_grey_values(film_dicom(pixels, PixelPaddingValue=0))
    assert (found.intercept, found.top) == (1000.0, 3095)
    assert found.values[0, 0] == 0


@pytest.mark.parametrize(("mode", "top"), [("L", 255), ("I;16", 65_535)])
def test_greys_are_values_too(mode: str, top: int) -> None:
    dtype = np.uint8 if mode == "L" else np.uint16
    pixels = np.linspace(0, top, 64 * 64).reshape(64, 64).astype(dtype)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    found = read_grey_values(file.getvalue())
    assert found.top == top
    np.testing.assert_array_equal(found.values, pixels)


def test_what_is_no_film_has_no_values() -> None:
    with pytest.raises(InputError):
        read_grey_values(b"a text")
    with pytest.raises(UnsupportedError):
        read_grey_values(b"PK\3\4")
