"""PNG, JPEG, TIFF and WebP: depth, polarity, orientation, transparency and colour."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.film import read_film

GREY = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def codes(film: Radiograph) -> list[str]:
    return [note.code for note in film.warnings]


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WebP", {"lossless": True}), ("JPEG", {"quality": 100})]
)
def test_eight_bit_grey_is_read_as_it_is(kind: str, options: dict[str, Any]) -> None:
    film = read_film(saved(Image.fromarray(GREY), kind, **options))
    np.testing.assert_allclose(film.pixels, GREY / 255, atol=0 if kind != "JPEG" else 3 / 255, rtol=1e-6)
    assert film.format == kind
    assert film.pixel_spacing_mm is None
    assert film.warnings == ()


def test_resolution_for_printing_is_no_pixel_spacing() -> None:
    assert read_film(saved(Image.fromarray(GREY), "PNG", dpi=(300, 300))).pixel_spacing_mm is None


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("top", [4095, 65_535])
def test_sixteen_bits_are_shown_over_their_own_range(kind: str, top: int) -> None:
    array = np.linspace(0, top, 256).astype(np.uint16).reshape(16, 16)
    film = read_film(saved(Image.fromarray(array), kind))
    np.testing.assert_allclose(film.pixels, array / top, atol=1e-6)
    assert len(np.unique(film.pixels)) == 256


def test_one_bit() -> None:
    film = read_film(saved(Image.fromarray(GREY > 100), "PNG"))
    np.testing.assert_array_equal(film.pixels, GREY > 100)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bit_tiff(dtype: type[np.generic]) -> None:
    array = (np.arange(256).reshape(16, 16) * 1000 - 5000).astype(dtype)
    np.testing.assert_allclose(
        read_film(saved(Image.fromarray(array), "TIFF")).pixels, np.arange(256).reshape(16, 16) / 255, atol=1e-6
    )


def test_float_tiff_with_nan_is_refused() -> None:
    array = np.array([[0.5, np.nan]], np.float32)
    with pytest.raises(InputError, match="not finite"):
        read_film(saved(Image.fromarray(array), "TIFF"))


def white_is_zero_tiff(array: np.ndarray, bits: int) -> bytes:
    """A TIFF whose stored value 0 is white; written by hand, since Pillow writes none of 16 bits."""
    height, width = array.shape
    entries = [(256, width), (257, height), (258, bits), (259, 1), (262, 0)]
    entries += [(273, 8), (277, 1), (278, height), (279, array.nbytes)]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHLL", tag, 4, 1, value) for tag, value in entries
    )
    return b"II*\0" + struct.pack("<L", 8 + array.nbytes) + array.tobytes() + directory + b"\0\0\0\0"


def test_white_is_zero_is_inverted_exactly_once() -> None:
    eight = read_film(white_is_zero_tiff(GREY, 8))
    np.testing.assert_allclose(eight.pixels, 1 - GREY / 255, atol=1e-6)
    sixteen = np.linspace(0, 65_535, 256).astype("<u2").reshape(16, 16)
    np.testing.assert_allclose(read_film(white_is_zero_tiff(sixteen, 16)).pixels, 1 - sixteen / 65_535, atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WebP"])
def test_exif_orientation_is_applied_once_and_told(orientation: int, kind: str) -> None:
    upright = np.zeros((24, 16), np.uint8)
    upright[:8, :8] = 255
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a.T, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WebP" else {"quality": 100} if kind == "JPEG" else {}
    film = read_film(saved(Image.fromarray(np.ascontiguousarray(undo(upright))), kind, exif=exif, **options))
    np.testing.assert_allclose(film.pixels, upright / 255, atol=0.02)
    assert codes(film) == ([] if orientation == 1 else ["exif_orientation"])


def test_transparency_is_shown_black_and_told() -> None:
    layers = np.full((4, 4, 4), 200, np.uint8)
    layers[..., 3] = 255
    layers[0, :, 3] = 0
    for kind, options in (("PNG", {}), ("WebP", {"lossless": True}), ("TIFF", {})):
        film = read_film(saved(Image.fromarray(layers), kind, **options))
        assert (film.pixels[0] == 0).all()
        np.testing.assert_allclose(film.pixels[1:], 200 / 255, atol=1e-6)
        assert codes(film) == ["alpha"]
    layers[..., 3] = 255
    assert codes(read_film(saved(Image.fromarray(layers), "PNG"))) == []
    grey_alpha = Image.fromarray(np.dstack([GREY, np.full_like(GREY, 255)]))
    np.testing.assert_allclose(read_film(saved(grey_alpha, "PNG")).pixels, GREY / 255, atol=1e-6)


def test_palettes_are_looked_up() -> None:
    image = Image.fromarray(GREY).convert("P")
    image.putpalette([value for index in range(256) for value in [255 - index] * 3])
    np.testing.assert_allclose(read_film(saved(image, "PNG")).pixels, 1 - GREY / 255, atol=1e-6)


def test_cmyk_jpeg_keeps_its_polarity() -> None:
    cmyk = Image.fromarray(np.repeat(np.repeat(GREY, 8, 0), 8, 1)).convert("RGB").convert("CMYK")
    film = read_film(saved(cmyk, "JPEG", quality=100))
    np.testing.assert_allclose(film.pixels[4::8, 4::8], GREY / 255, atol=0.03)


def test_colour_pictures_and_tinted_films_are_told_apart() -> None:
    tinted = np.stack([GREY * 0.6, GREY * 0.75, GREY], axis=-1).astype(np.uint8)
    assert codes(read_film(saved(Image.fromarray(tinted), "PNG"))) == ["tinted"]
    rng = np.random.default_rng(0)
    patches = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    assert codes(read_film(saved(Image.fromarray(patches), "PNG"))) == ["colour"]
    marked = np.repeat(GREY[..., None], 3, axis=2).repeat(8, 0).repeat(8, 1)
    marked[:3, :3] = (255, 0, 0)
    assert codes(read_film(saved(Image.fromarray(marked), "PNG"))) == []


def test_several_pages_and_animations_are_refused_by_name() -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]
    with pytest.raises(UnsupportedError, match="TIFF image of 2 pages"):
        read_film(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    for kind in ("PNG", "WebP"):
        with pytest.raises(UnsupportedError, match=f"{kind} image of 2 frames"):
            read_film(saved(pages[0], kind, save_all=True, append_images=pages[1:]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WebP"])
def test_a_file_cut_off_anywhere_is_refused(kind: str) -> None:
    rng = np.random.default_rng(1)
    whole = saved(Image.fromarray(rng.integers(0, 256, (40, 40), dtype=np.uint8)), kind)
    for share in (0.1, 0.3, 0.6, 0.9):
        with pytest.raises(InputError):
            read_film(whole[: int(len(whole) * share)])


def test_open_images_are_read_like_their_files() -> None:
    image = Image.open(BytesIO(saved(Image.fromarray(GREY), "PNG")))
    film = read_film(image)
    assert film.format == "PNG"
    np.testing.assert_allclose(film.pixels, GREY / 255, atol=1e-6)
    assert read_film(Image.fromarray(GREY)).format == "array"
    assert read_film(Image.new("HSV", (4, 4))).pixels.shape == (4, 4)
