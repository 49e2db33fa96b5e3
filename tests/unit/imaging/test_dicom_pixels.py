"""From stored DICOM pixels to what a viewer shows. Inversion, windows and padding done wrongly hurt people."""

import numpy as np
import pytest
from dicom_fixtures import (
    DX,
    DX_FOR_PROCESSING,
    RAMP,
    SECONDARY_CAPTURE,
    encode,
    film_dataset,
    film_dicom,
    lut_item,
    sequence,
)
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.film import read_film

FULL_RANGE = RAMP / 4095


def codes(film: Radiograph) -> set[str]:
    return {note.code for note in film.warnings}


def test_without_window_the_full_range_is_shown() -> None:
    film = read_film(film_dicom(RAMP))
    assert film.pixels.dtype == np.float32
    assert film.pixels.flags.c_contiguous
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)
    assert film.warnings == ()


def test_monochrome1_is_inverted_after_the_window() -> None:
    # An asymmetric window: inverting before it gives another picture.
    film = read_film(film_dicom(RAMP, PhotometricInterpretation="MONOCHROME1", WindowCenter=1000, WindowWidth=1000))
    expected = 1 - np.clip((RAMP - 999.5) / 999 + 0.5, 0, 1)
    np.testing.assert_allclose(film.pixels, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "noted"),
    [
        ("MONOCHROME1", "INVERSE", True, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", "IDENTITY", True, True),
        ("MONOCHROME2", "INVERSE", False, True),
    ],
)
def test_presentation_lut_shape_never_inverts_twice(photometric: str, shape: str, inverted: bool, noted: bool) -> None:
    film = read_film(film_dicom(RAMP, PhotometricInterpretation=photometric, PresentationLUTShape=shape))
    np.testing.assert_allclose(film.pixels, 1 - FULL_RANGE if inverted else FULL_RANGE, atol=1e-6)
    assert ("presentation_contradictory" in codes(film)) == noted


def test_window_applies_after_rescale() -> None:
    film = read_film(film_dicom(RAMP, RescaleSlope="2", RescaleIntercept="-1000", WindowCenter="0", WindowWidth="500"))
    expected = np.clip((2.0 * RAMP - 1000 + 0.5) / 499 + 0.5, 0, 1)
    np.testing.assert_allclose(film.pixels, expected, atol=1e-6)


def test_negative_slope_turns_the_full_range_round() -> None:
    film = read_film(film_dicom(RAMP, RescaleSlope="-1", RescaleIntercept="0"))
    np.testing.assert_allclose(film.pixels, 1 - FULL_RANGE, atol=1e-6)


@pytest.mark.parametrize(("slope", "intercept"), [("0", "0"), ("abc", "0"), ("1", "nan"), ("1e308", "0")])
def test_rescale_that_cannot_be_applied_is_passed_over_with_a_note(slope: str, intercept: str) -> None:
    film = read_film(film_dicom(RAMP, RescaleSlope=slope, RescaleIntercept=intercept))
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)
    assert "rescale_invalid" in codes(film)


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_window_functions(function: str) -> None:
    film = read_film(film_dicom(RAMP, WindowCenter="2000", WindowWidth="800", VOILUTFunction=function))
    x = RAMP.astype(float)
    linear = np.clip((x - 2000) / 800 + 0.5, 0, 1)
    expected = linear if function == "LINEAR_EXACT" else 1 / (1 + np.exp(-4 * (x - 2000) / 800))
    np.testing.assert_allclose(film.pixels, expected, atol=1e-6)


def test_unknown_window_function_is_linear_with_a_note() -> None:
    film = read_film(film_dicom(RAMP, WindowCenter="2048", WindowWidth="4096", VOILUTFunction="CUBIC"))
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)
    assert "voi_function_unknown" in codes(film)


def test_first_of_several_windows_is_shown_and_named() -> None:
    film = read_film(
        film_dicom(
            RAMP,
            WindowCenter=["1000", "3000"],
            WindowWidth=["1000", "200"],
            WindowCenterWidthExplanation=["SOFT", "HARD"],
        )
    )
    np.testing.assert_allclose(film.pixels, np.clip((RAMP - 999.5) / 999 + 0.5, 0, 1), atol=1e-6)
    (note,) = film.warnings
    assert note.code == "several_presentations"
    assert "SOFT" in note.message


@pytest.mark.parametrize(
    ("center", "width"), [("100", "0"), ("100", "-5"), ("100", "nan"), ("x", "100"), ("100", None), ("100", "0.5")]
)
def test_damaged_window_falls_back_to_full_range_and_says_so(center: str, width: str | None) -> None:
    film = read_film(film_dicom(RAMP, WindowCenter=center, WindowWidth=width))
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)
    assert "window_invalid" in codes(film)


def test_window_that_hides_everything_is_passed_over_and_said_so() -> None:
    film = read_film(film_dicom(RAMP, WindowCenter="60000", WindowWidth="10"))
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)
    assert "window_empty" in codes(film)


def test_voi_lut_goes_before_a_window() -> None:
    curve = (np.arange(4096) ** 2 // 4096).astype(np.uint16)
    film = read_film(
        film_dicom(RAMP, VOILUTSequence=sequence(lut_item(curve, 0, 12)), WindowCenter="100", WindowWidth="10")
    )
    np.testing.assert_allclose(film.pixels, curve[RAMP] / 4095, atol=1e-6)


def test_voi_lut_after_rescale_may_start_below_zero() -> None:
    entries = np.arange(0, 4096, dtype=np.uint16)
    for vr, first in (("SS", -2000), ("US", 65_536 - 2000)):
        film = read_film(
            film_dicom(
                RAMP,
                RescaleSlope="1",
                RescaleIntercept="-2000",
                VOILUTSequence=sequence(lut_item(entries, first, 12, vr)),
            )
        )
        np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)


def test_voi_lut_of_65536_entries_is_announced_as_zero() -> None:
    pixels = np.arange(0, 65_536, 16, dtype=np.uint16).reshape(64, 64)
    entries = np.arange(65_536)[::-1].astype(np.uint16)
    film = read_film(film_dicom(pixels, BitsStored=16, VOILUTSequence=sequence(lut_item(entries, 0, 16))))
    np.testing.assert_allclose(film.pixels, 1 - pixels / 65_535, atol=1e-6)


def test_voi_lut_that_announces_too_many_bits_is_not_shown_black() -> None:
    film = read_film(film_dicom(RAMP, VOILUTSequence=sequence(lut_item(np.arange(4096), 0, 16))))
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)


def test_damaged_voi_lut_is_passed_over_with_a_note() -> None:
    item = lut_item(np.arange(4096), 0, 12)
    item.LUTData = b"\0\0"
    film = read_film(film_dicom(RAMP, VOILUTSequence=sequence(item)))
    assert "voi_lut_invalid" in codes(film)
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)


def test_modality_lut_goes_before_the_window() -> None:
    curve = np.arange(4096)[::-1].astype(np.uint16)
    film = read_film(
        film_dicom(RAMP, ModalityLUTSequence=sequence(lut_item(curve, 0, 16)), WindowCenter="1000", WindowWidth="1000")
    )
    np.testing.assert_allclose(film.pixels, np.clip((curve[RAMP] - 999.5) / 999 + 0.5, 0, 1), atol=1e-6)


@pytest.mark.parametrize(("bits", "high_bit"), [(15, 14), (12, 11), (10, 9), (12, 15), (8, 7), (16, 15)])
@pytest.mark.parametrize("signed", [False, True])
def test_any_bits_stored_with_junk_in_the_others(bits: int, high_bit: int, signed: bool) -> None:
    rng = np.random.default_rng(bits)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    values = rng.integers(low, high + 1, (32, 32))
    values[0, :2] = low, high
    shift = high_bit + 1 - bits
    stored = (values & (2**bits - 1)) << shift
    junk = rng.integers(0, 65_536, values.shape) & ~((2**bits - 1) << shift) & 0xFFFF
    pixels = (stored | junk).astype(np.uint16)
    film = read_film(film_dicom(pixels, BitsStored=bits, HighBit=high_bit, PixelRepresentation=int(signed)))
    np.testing.assert_allclose(film.pixels, (values - low) / (high - low), atol=1e-6)


def test_impossible_high_bit_is_corrected_with_a_note() -> None:
    film = read_film(film_dicom(RAMP, HighBit=3))
    np.testing.assert_allclose(film.pixels, FULL_RANGE, atol=1e-6)
    assert "high_bit_invalid" in codes(film)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_set_the_range(photometric: str) -> None:
    pixels = np.full((8, 8), 1000, np.uint16)
    pixels[:, 4:] = 2000
    pixels[0], pixels[1] = 4000, 4005
    film = read_film(
        film_dicom(pixels, PhotometricInterpretation=photometric, PixelPaddingValue=4005, PixelPaddingRangeLimit=3990)
    )
    low, high = (1.0, 0.0) if photometric == "MONOCHROME1" else (0.0, 1.0)
    assert (film.pixels[:2] == 0).all()
    assert (film.pixels[2:, :4] == low).all()
    assert (film.pixels[2:, 4:] == high).all()


def test_signed_padding() -> None:
    pixels = np.array([[-2000, 0], [100, 50]], np.int16)
    film = read_film(film_dicom(pixels, BitsStored=16, PixelPaddingValue=-2000))
    np.testing.assert_allclose(film.pixels, [[0, 0], [1, 0.5]])


def test_nothing_but_padding_is_an_error() -> None:
    with pytest.raises(InputError, match="nothing but padding"):
        read_film(film_dicom(np.zeros((4, 4), np.uint16), PixelPaddingValue=0))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_every_uncompressed_syntax_gives_the_same_film(syntax: str, dtype: type[np.generic]) -> None:
    pixels = (np.arange(35).reshape(5, 7) * 3).astype(dtype)
    dataset = film_dataset(pixels, WindowCenter="50", WindowWidth="60", PixelPaddingValue=3)
    plain = read_film(encode(dataset))
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes() + b"\0" * (pixels.nbytes % 2)
    np.testing.assert_array_equal(read_film(encode(dataset, syntax)).pixels, plain.pixels)


def test_big_endian_words_of_8_bit_pixels_are_swapped_back() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    dataset = film_dataset(pixels)
    dataset["PixelData"].VR = "OW"
    dataset.PixelData = pixels.view(np.uint16).byteswap().tobytes()
    film = read_film(encode(dataset, ExplicitVRBigEndian))
    np.testing.assert_allclose(film.pixels, pixels / 15, atol=1e-6)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, None])
def test_without_preamble_and_meta_information(syntax: str | None) -> None:
    dataset = film_dataset(RAMP)
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = RAMP.astype(">u2").tobytes()
    whole = encode(dataset, syntax) if syntax else encode(dataset)
    meta_length = int.from_bytes(whole[140:144], "little")
    np.testing.assert_allclose(read_film(whole[144 + meta_length :]).pixels, FULL_RANGE, atol=1e-6)
    np.testing.assert_allclose(read_film(whole[132:]).pixels, FULL_RANGE, atol=1e-6)


def test_grey_stored_in_colour_is_taken_and_colour_is_refused() -> None:
    grey = np.repeat((RAMP // 16).astype(np.uint8)[..., None], 3, axis=2)
    attributes = {"SOPClassUID": SECONDARY_CAPTURE, "Modality": "OT"}
    film = read_film(film_dicom(grey, **attributes))
    np.testing.assert_allclose(film.pixels, grey[..., 0] / 255, atol=1e-6)
    planar = film_dicom(grey, PlanarConfiguration=1, PixelData=np.moveaxis(grey, -1, 0).tobytes(), **attributes)
    np.testing.assert_array_equal(read_film(planar).pixels, film.pixels)
    luminance = grey.copy()
    luminance[..., 1:] = 128
    ybr = film_dicom(luminance, PhotometricInterpretation="YBR_FULL", **attributes)
    np.testing.assert_array_equal(read_film(ybr).pixels, film.pixels)
    colour = grey.copy()
    colour[..., 0] = 255 - colour[..., 0]
    with pytest.raises(UnsupportedError, match="colour picture"):
        read_film(film_dicom(colour, **attributes))


def test_palette_is_taken_where_it_is_grey() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    ramp = (np.arange(256, dtype=np.uint16) * 257).tobytes()
    attributes = {
        "SOPClassUID": SECONDARY_CAPTURE,
        "Modality": "OT",
        "PhotometricInterpretation": "PALETTE COLOR",
    }
    for colour in ("Red", "Green", "Blue"):
        attributes[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        attributes[f"{colour}PaletteColorLookupTableData"] = ramp
    np.testing.assert_allclose(read_film(film_dicom(pixels, **attributes)).pixels, pixels / 255, atol=1e-6)
    attributes["BluePaletteColorLookupTableData"] = ramp[::-1]
    with pytest.raises(UnsupportedError, match="colour picture"):
        read_film(film_dicom(pixels, **attributes))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"Rows": 0}, "empty"),
        ({"Rows": None}, "empty"),
        ({"Rows": 65}, "cut off"),
        ({"BitsAllocated": 32}, "32 bits"),
        ({"BitsAllocated": 1, "BitsStored": 1}, "1 bits"),
        ({"BitsStored": 17}, "contradictory"),
        ({"BitsStored": 0}, "contradictory"),
        ({"SamplesPerPixel": 3}, "samples"),
        ({"PhotometricInterpretation": "CMYK"}, "CMYK"),
        ({"Rows": 65_535, "Columns": 65_535}, "limit"),
    ],
)
def test_contradictory_headers_are_refused(attributes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_film(film_dicom(RAMP, **attributes))


def test_more_pixel_data_than_announced_is_noted() -> None:
    film = read_film(film_dicom(RAMP, Rows=32))
    assert film.pixels.shape == (32, 64)
    assert "pixel_data_longer" in codes(film)


def test_raw_data_is_noted() -> None:
    assert "for_processing" in codes(read_film(film_dicom(RAMP, SOPClassUID=DX_FOR_PROCESSING, Modality="DX")))
    assert read_film(film_dicom(RAMP, SOPClassUID=DX, Modality="DX")).warnings == ()
