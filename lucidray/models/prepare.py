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
    low, high = np.percentile(sample, (LOW_PERCENTILE, HIGH_PERCENTILE))
    if high <= low:
        return np.zeros_like(small)
    stretched: npt.NDArray[np.float32] = np.clip((small - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return stretched


def resize(pixels: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.float32]:
    """Resize with antialiasing.

    Large films are first averaged in whole blocks (a box filter, as a detector with larger pixels would), then
    interpolated: 4 times faster than one filter over all pixels, with differences below one 8-bit grey step.

    Parameters
    ----------
    pixels : (H, W) float32
    width, height : int
        Wanted size in pixels.

    Returns
    -------
    (height, width) float32
    """
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    resized = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(resized, dtype=np.float32)
