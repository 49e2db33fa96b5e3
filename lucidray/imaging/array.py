"""Arrays of any number type to grey values in [0, 1]."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import InputError
from lucidray.domain.note import Note
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.imaging.limits import Limits

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and most viewers turn colour into grey

# What counts as coloured; measured on a thinned picture, in shares of the range.
_SAMPLE_SIDE = 256
_STRONG_CHROMA = 0.25
_SOME_CHROMA = 0.06
_SINGLE_HUE = 0.9


def read_array(array: npt.NDArray[Any], name: str, limits: Limits) -> Radiograph:
    """Take an array as a film; see `lucidray.imaging.film.read_film`.

    Raises
    ------
    InputError
        Not (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); not numbers; empty, too large, or not finite.
    """
    if array.dtype.kind not in "buif":
        raise InputError(f"an array of {array.dtype} is not an image")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InputError(f"an array of shape {array.shape} is not one image: (H, W), (H, W, 3) or (H, W, 4) is")
    limits.check_size(array.shape[1], array.shape[0])
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError("the array holds values that are not finite")
    if array.ndim == 2:
        return Radiograph(pixels=unit_range(array), name=name, format="array")
    pixels, notes = grey(unit_range(array[..., :3]))
    if array.shape[2] == 4:
        pixels = pixels * unit_range(array[..., 3])
        if np.any(array[..., 3] != _top(array[..., 3])):
            notes.append(ALPHA_NOTE)
    return Radiograph(pixels=pixels, name=name, format="array", warnings=tuple(notes))


ALPHA_NOTE = Note(code="alpha", message="Transparent parts of the image are shown black.")


def unit_range(array: npt.NDArray[Any]) -> FloatImage:
    """Map values to [0, 1].

    Booleans, 8-bit unsigned integers and floats within [0, 1] keep their meaning; all others (12 bits in a container of
    16 are as common as 16) are stretched from their least to their greatest value, which gives zero where there is only
    one.

    Parameters
    ----------
    array : array
        Any shape; finite numbers.

    Returns
    -------
    float32 array in [0, 1], C-contiguous, of the same shape
    """
    kind = array.dtype.kind
    if kind == "b":
        return np.array(array, dtype=np.float32, order="C")
    if array.dtype == np.uint8:
        table = np.arange(256, dtype=np.float32) / np.float32(255)
        # Every value has an entry, so nothing is ever clipped; it only spares NumPy a check of each.
        eight_bit: FloatImage = np.take(table, array, mode="clip")
        return eight_bit
    low, high = array.min(), array.max()
    if kind == "f":
        if low >= 0 and high <= 1:
            # A copy: what the caller does to the array afterwards is no longer the film.
            return np.array(array, dtype=np.float32, order="C")
        if array.dtype.itemsize == 2:
            array, low, high = array.astype(np.float32), np.float32(low), np.float32(high)
        # Halved, so that the widest range that a float can hold does not overflow.
        half_range = high / 2 - low / 2
        if half_range <= 0:
            return np.zeros(array.shape, dtype=np.float32)
        stretched = ((array / 2 - low / 2) / half_range).astype(np.float32)
    else:
        if low == high:
            return np.zeros(array.shape, dtype=np.float32)
        # Differences of N-bit integers fit N unsigned bits, and unsigned arithmetic wraps around to just that.
        unsigned = np.dtype(f"u{array.dtype.itemsize}")
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        offset = native.view(unsigned) - np.asarray(low, dtype=native.dtype).view(unsigned)
        stretched = offset.astype(np.float32)
        # Divided, not multiplied by the inverse: the greatest value becomes exactly 1.
        stretched /= np.float32(int(high) - int(low))
    return np.ascontiguousarray(np.clip(stretched, 0.0, 1.0, out=stretched))


def grey(colour: FloatImage) -> tuple[FloatImage, list[Note]]:
    """Turn (H, W, 3) in [0, 1] into (H, W), with a note where it was no grey picture.

    A photograph of a film has one tint; a photograph of anything else, or a heatmap, has several hues or strong ones.
    """
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.ascontiguousarray(green), []
    luminance = red * np.float32(_LUMINANCE[0])
    luminance += green * np.float32(_LUMINANCE[1])
    luminance += blue * np.float32(_LUMINANCE[2])
    return np.clip(luminance, 0.0, 1.0, out=luminance), _check_colour(colour)


def _check_colour(colour: FloatImage) -> list[Note]:
    height, width = colour.shape[:2]
    step = max(1, max(height, width) // _SAMPLE_SIDE)
    sample = colour[::step, ::step]
    chroma = float(np.mean(sample.max(axis=-1) - sample.min(axis=-1)))
    hues = sample[..., [0, 2]] - sample[..., [1]]
    lengths = np.linalg.norm(hues, axis=-1)
    direction = np.linalg.norm(hues.mean(axis=(0, 1))) / max(float(lengths.mean()), 1e-6)
    if chroma < _SOME_CHROMA:
        return []
    if chroma > _STRONG_CHROMA or direction < _SINGLE_HUE:
        return [Note(code="colour", message="A colour picture, read as grey: radiographs have no colour.")]
    return [Note(code="tinted", message="The picture is tinted and read as grey, as a photograph of a film would be.")]


def _top(channel: npt.NDArray[Any]) -> float:
    if channel.dtype.kind in "ui":
        return float(np.iinfo(channel.dtype).max)
    return 1.0
