"""PNG, JPEG, TIFF and WebP files to radiographs.

The resolution (dpi) of such a file says how large to print it, not how large the patient was: it is no pixel spacing.
"""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.array import ALPHA_NOTE, grey, unit_range
from lucidray.imaging.limits import Limits

_ORIENTATION_TAG = 0x0112
_PHOTOMETRIC_TAG, _WHITE_IS_ZERO = 262, 0
_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def read_raster(content: bytes, raster: str, name: str, limits: Limits) -> Radiograph:
    """Read the bytes of one image.

    Parameters
    ----------
    content : bytes
        The whole file.
    raster : {"PNG", "JPEG", "TIFF", "WebP"}
        What its first bytes say it is: no other decoder gets to see it.
    name : str
        What people call the film.
    limits : Limits
        Checked before anything is decoded.

    Raises
    ------
    UnsupportedError
        Several pages or an animation.
    InputError
        Damaged, cut off or beyond the limits.
    """
    try:
        # The open image has its size, but no pixels yet.
        image = Image.open(BytesIO(content), formats=[raster.upper()])
    except Image.DecompressionBombError as error:
        raise InputError(f"the image is far larger than the limit of {limits.max_pixels:,} pixels") from error
    except (UnidentifiedImageError, NotImplementedError) as error:
        raise InputError(f"the {raster} image is damaged, or of a kind that cannot be read") from error
    except Exception as error:
        # Pillow lets errors of all kinds through on damaged headers (SyntaxError, struct.error, ValueError,
        # OverflowError ...).
        raise InputError(f"the {raster} image is damaged") from error
    with image:
        return _read(image, raster, name, limits)


def read_image(image: Image.Image, name: str, limits: Limits) -> Radiograph:
    """Read an image that is already open; its pixels are taken as `read_raster` takes those of a file."""
    known = {"PNG": "PNG", "JPEG": "JPEG", "MPO": "JPEG", "TIFF": "TIFF", "WEBP": "WebP"}
    return _read(image, known.get(image.format or "", "array"), name, limits)


def _read(image: Image.Image, raster: str, name: str, limits: Limits) -> Radiograph:
    limits.check_size(image.width, image.height)
    notes: list[Note] = []
    try:
        _refuse_several(image, raster)
        # TIFF images turn themselves while they load: ask first.
        turn = image.getexif().get(_ORIENTATION_TAG, 1)
        inverted = _is_uninverted_white_is_zero(image)
        image.load()
        upright = ImageOps.exif_transpose(image)
        array, has_alpha = _to_array(upright)
    except InputError:
        raise
    except Exception as error:
        # As above: whatever a damaged image makes of the decoders.
        raise InputError(f"the {raster} image is damaged or cut off") from error
    if turn in range(2, 9):
        message = "The image was turned or mirrored as its EXIF orientation says; boxes refer to it as it is shown."
        notes.append(Note(code="exif_orientation", message=message))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError("the image holds values that are not finite")
    if has_alpha:
        notes.append(ALPHA_NOTE)
    pixels = unit_range(array)
    if pixels.ndim == 3:
        pixels, colour_notes = grey(pixels)
        notes.extend(colour_notes)
    if inverted:
        pixels = 1.0 - pixels
    return Radiograph(pixels=pixels, name=name, format=raster, warnings=tuple(notes))


def _refuse_several(image: Image.Image, raster: str) -> None:
    frames = getattr(image, "n_frames", 1)
    # A phone's multi-picture JPEG holds the photograph first, then previews of it.
    if frames > 1 and image.format != "MPO":
        what = "pages" if raster == "TIFF" else "frames"
        raise UnsupportedError(f"a {raster} image of {frames} {what}; lucidray takes one film at a time")


def _is_uninverted_white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF stores white as zero and Pillow leaves it so: it inverts up to 8 bits, but not 12 and 16."""
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO and image.mode not in ("1", "L")


def _to_array(image: Image.Image) -> tuple[npt.NDArray[Any], bool]:
    """Return (H, W) or (H, W, 3) numbers, transparency composited on black, and whether any part was transparent."""
    if image.mode in _GREY_MODES and "transparency" not in image.info:
        return np.asarray(image), False
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        alpha = layers.getchannel("A")
        has_alpha = alpha.getextrema() != (255, 255)
        black = Image.new("RGBA", layers.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, layers).convert("RGB")), has_alpha
    return np.asarray(image.convert("RGB")), False
