"""From a film to what a network sees; training and inference share it, so that they cannot drift apart."""

import numpy as np
import numpy.typing as npt
from PIL import Image

# Collimator blades, burnt-in markers and implants sit in the extreme half percent: they must not set the contrast.
LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5
_PERCENTILE_SIDE_PX = 256  # percentiles of a film this small differ by less than a grey step and cost 50 times less


def square(pixels: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Stretch a film to a square and its grey values to [0, 1].

    The aspect ratio is given up on purpose: the training films come stretched to squares, and a box maps back by one
    factor per axis. Contrast is set by percentiles of this film alone: the window of the source does not matter.

    Parameters
    ----------
    pixels : (H, W) float32
        A film, any finite range; row 0 superior, bright = dense.
    size : int
        Side of the square, in pixels.

    Returns
    -------
    (size, size) float32 in [0, 1]; all zero where the film has one grey value only.
    """
    small = resize(pixels, size, size)
    sample = small if size <= _PERCENTILE_SIDE_PX else resize(small, _PERCENTILE_SIDE_PX, _PERCENTILE_SIDE_PX)
    # Sorted whole: NumPy's sort uses the processor's vectors, its selection does not, and takes four times as long.
    ordered = np.sort(sample, axis=None)
    low, high = (_percentile(ordered, percent) for percent in (LOW_PERCENTILE, HIGH_PERCENTILE))
    if high <= low:
        return np.zeros_like(small)
    stretched: npt.NDArray[np.float32] = np.clip((small - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return stretched


def _percentile(ordered: npt.NDArray[np.float32], percent: float) -> float:
    """Return a percentile of (n,) sorted values, between two of them by linear interpolation."""
    place = percent / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def resize(pixels: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.float32]:
    """Resize with antialiasing.

    Large films are first averaged in whole blocks (a box filter, as a detector with larger pixels would), down to no
    less than twice the wanted size, and then interpolated: as Pillow does with `reducing_gap=2`, but without the copy
    of the whole film that Pillow needs, which takes longer than all the rest.

    Parameters
    ----------
    pixels : (H, W) float32
    width, height : int
        Wanted size in pixels.

    Returns
    -------
    (height, width) float32
    """
    rows, columns = pixels.shape
    down, across = max(1, rows // (2 * height)), max(1, columns // (2 * width))
    small = _block_means(_block_means(pixels, down, axis=0), across, axis=1)
    image = Image.fromarray(np.ascontiguousarray(small, dtype=np.float32))
    # The last block may be cut short, so the film's far edge lies inside it.
    box = (0.0, 0.0, columns / across, rows / down)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=box), dtype=np.float32)


def _block_means(values: npt.NDArray[np.float32], size: int, axis: int) -> npt.NDArray[np.float32]:
    """Average every `size` neighbours along an axis; the last block takes what is left."""
    if size == 1:
        return values
    count = values.shape[axis]
    whole = count - count % size

    def part(start: int, step: int, stop: int) -> npt.NDArray[np.float32]:
        return values[start:stop:step] if axis == 0 else values[:, start:stop:step]

    total = part(0, size, whole).copy()
    for offset in range(1, size):
        total += part(offset, size, whole)
    total /= np.float32(size)
    if whole == count:
        return total
    return np.concatenate([total, part(whole, 1, count).mean(axis=axis, keepdims=True)], axis=axis)
