"""A film that is too small to be read, brought to a size that can be, and how far the result is to be trusted.

The upscaler runs as often as it does not overshoot, at least once; what is left to the wanted size is interpolated, up
or down: with a factor of 4, 28 px become 112 and then 224; 56 px become 224; 112 px become 448 and then 224.
"""

import math
from dataclasses import replace

import numpy as np
from PIL import Image

from lucidray.domain.errors import ModelError
from lucidray.domain.note import Note
from lucidray.domain.protocols import Upscaler
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.domain.upscaling import Consistency, Upscaling

READABLE_SIDE_PX = 224
MIN_SIDE_PX = 28  # the smallest films of MedMNIST; below it there is no chest left to see
# Lanczos, which invents nothing, keeps well within these on radiographs (docs/upscaling.md); what leaves them is
# another film.
MAX_MEAN_DIFFERENCE, MAX_DIFFERENCE, MIN_PSNR_DB = 0.02, 0.25, 30.0
UPSCALED, UPSCALED_DISAGREES = "upscaled", "upscaled_disagrees"
_DIGITS = 5


def enlarge(film: Radiograph, upscaler: Upscaler) -> tuple[Radiograph, Upscaling]:
    """Upscale a film that is too small; one that is large enough stays as it is.

    Parameters
    ----------
    film : Radiograph
        As read; its shorter side is at least `MIN_SIDE_PX`.
    upscaler : Upscaler

    Returns
    -------
    film : Radiograph
        To be read. An upscaled one carries its original, and warnings: that it was upscaled and, where the result
        reduced again is not the original, that it is not.
    told : Upscaling
        What the reading says of it.

    Raises
    ------
    ModelError
        The upscaler gave what is no film of the size that it promised.
    """
    size = (film.width_px, film.height_px)
    if min(size) >= READABLE_SIDE_PX:
        return film, Upscaling(method=upscaler.name, applied=False, sizes_px=[size])
    steps = chain(film.pixels, upscaler)
    pixels = steps[-1]
    checked = check(film.pixels, pixels)
    added = np.abs(pixels - lanczos(film.pixels, pixels.shape[1], pixels.shape[0]))
    told = Upscaling(
        method=upscaler.name,
        applied=True,
        sizes_px=[size, *((step.shape[1], step.shape[0]) for step in steps)],
        consistency=checked,
        added_mean=round(float(added.mean()), _DIGITS),
        added_max=round(float(added.max()), _DIGITS),
    )
    return replace(film.upscaled(pixels, upscaler.name), warnings=(*film.warnings, *_notes(told))), told


def _notes(told: Upscaling) -> list[Note]:
    (width, height), (wide, high) = told.sizes_px[0], told.sizes_px[-1]
    assert told.consistency is not None  # noqa: S101 - it was upscaled
    notes = [
        Note(
            code=UPSCALED,
            message=f"The film has {width} by {height} pixels and was upscaled to {wide} by {high} ({told.method})"
            " before reading: everything finer than its own pixels was invented, and the reading is degraded.",
        )
    ]
    if not told.consistency.agrees:
        psnr = told.consistency.psnr_db
        notes.append(
            Note(
                code=UPSCALED_DISAGREES,
                message="Reduced again, the upscaled film is not the film that was sent (mean difference"
                f" {told.consistency.mean_difference:.3f}, largest {told.consistency.max_difference:.2f}, PSNR"
                f" {0.0 if psnr is None else psnr:.1f} dB): do not rely on this reading.",
            )
        )
    return notes


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

    Raises
    ------
    ModelError
        The upscaler gave what is no film of the size that it promised.
    """
    rows, columns = pixels.shape
    needed = side / min(rows, columns)
    # A hair above the logarithm: 56 to 224 is one pass of 4, whatever the floating point says.
    passes = max(1, math.floor(math.log(needed, upscaler.factor) + 1e-9))
    made = []
    for _ in range(passes):
        pixels = _pass(pixels, upscaler)
        made.append(pixels)
    height, width = (side if count == min(rows, columns) else round(count * needed) for count in (rows, columns))
    if pixels.shape != (height, width):
        made.append(lanczos(pixels, width, height))
    return made


def _pass(pixels: FloatImage, upscaler: Upscaler) -> FloatImage:
    rows, columns = pixels.shape
    larger = upscaler.upscale(pixels)
    if larger.shape != (rows * upscaler.factor, columns * upscaler.factor) or not np.isfinite(larger).all():
        raise ModelError(f"the upscaler {upscaler.name} made of {rows} x {columns} pixels what is no film of them")
    clipped: FloatImage = np.clip(larger, 0.0, 1.0, dtype=np.float32)
    return clipped


def lanczos(pixels: FloatImage, width: int, height: int) -> FloatImage:
    """Resize (H, W) float32 in [0, 1] to (height, width) by Lanczos, with antialiasing where it becomes smaller."""
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized, dtype=np.float32), 0.0, 1.0)


def check(original: FloatImage, upscaled: FloatImage) -> Consistency:
    """Reduce an upscaled film to the size of its original by area average, and compare.

    Parameters
    ----------
    original : (H, W) float32 in [0, 1]
    upscaled : (h, w) float32 in [0, 1]
        Larger than that.

    Returns
    -------
    Consistency
        It agrees where mean and largest difference and PSNR (peak 1) all keep within the limits.
    """
    rows, columns = original.shape
    image = Image.fromarray(np.ascontiguousarray(upscaled, dtype=np.float32))
    again = np.asarray(image.resize((columns, rows), Image.Resampling.BOX), dtype=np.float32)
    difference = np.abs(again.astype(np.float64) - original)
    mean, largest, square = float(difference.mean()), float(difference.max()), float((difference**2).mean())
    psnr = None if square == 0 else -10 * math.log10(square)
    agrees = mean <= MAX_MEAN_DIFFERENCE and largest <= MAX_DIFFERENCE and (psnr is None or psnr >= MIN_PSNR_DB)
    return Consistency(
        mean_difference=round(min(mean, 1.0), _DIGITS),
        max_difference=round(min(largest, 1.0), _DIGITS),
        psnr_db=None if psnr is None else round(psnr, 2),
        limits={"mean_difference": MAX_MEAN_DIFFERENCE, "max_difference": MAX_DIFFERENCE, "psnr_db": MIN_PSNR_DB},
        agrees=agrees,
    )
