"""A film that is too small to be read, brought to a size that can be.

The upscaler runs as often as it does not overshoot, at least once; what is left to the wanted size is interpolated, up
or down: with a factor of 4, 28 px become 112 and then 224; 56 px become 224; 112 px become 448 and then 224.
"""

import math

import numpy as np
from PIL import Image

from lucidray.domain.protocols import Upscaler
from lucidray.domain.radiograph import FloatImage

READABLE_SIDE_PX = 224
MIN_SIDE_PX = 28  # the smallest films of MedMNIST; below it there is no chest left to see


def chain(pixels: FloatImage, upscaler: Upscaler, side: int = READABLE_SIDE_PX) -> list[FloatImage]:
    """Bring a film's shorter side to `side` pixels.

    Parameters
    ----------
    pixels : (H, W) float32 in [0, 1]
        Its shorter side is under `side`.
    upscaler : Upscaler
    side : int
        Wanted length of the shorter side, in pixels.

    Returns
    -------
    list of (h, w) float32 in [0, 1]
        What each step made, the last one of the wanted size; H : W is kept to a rounded pixel.
    """
    rows, columns = pixels.shape
    needed = side / min(rows, columns)
    # A hair above the logarithm: 56 to 224 is one pass of 4, whatever the floating point says.
    passes = max(1, math.floor(math.log(needed, upscaler.factor) + 1e-9))
    made = []
    for _ in range(passes):
        pixels = upscaler.upscale(pixels)
        made.append(pixels)
    height, width = (side if count == min(rows, columns) else round(count * needed) for count in (rows, columns))
    if pixels.shape != (height, width):
        made.append(lanczos(pixels, width, height))
    return made


def lanczos(pixels: FloatImage, width: int, height: int) -> FloatImage:
    """Resize (H, W) float32 in [0, 1] to (height, width) by Lanczos, with antialiasing where it becomes smaller."""
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized, dtype=np.float32), 0.0, 1.0)
