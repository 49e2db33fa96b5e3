"""Films varied as hospitals vary them, without ever changing sides.

A mirrored chest is another finding (the heart on the right), so nothing here mirrors. Resolution and compression are
varied hard, because the training folders differ in both, and a network would rather learn the folder than the disease.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from lucidray.models.prepare import HIGH_PERCENTILE, LOW_PERCENTILE

COARSE_SIDE_PX = 128  # the side of most training films; finer films come down to it most of the time


def augment(
    pixels: npt.NDArray[np.uint8], size: int, rng: np.random.Generator, *, coarse_share: float = 0.6
) -> npt.NDArray[np.float32]:
    """Make one training input from one film.

    Parameters
    ----------
    pixels : (H, W) uint8
        The film as decoded.
    size : int
        Side of the result, in pixels.
    rng : np.random.Generator
        Decides everything; the same state gives the same result.
    coarse_share : float
        How often a film finer than 128 px is brought down to at most that first.

    Returns
    -------
    (size, size) float32 in [0, 1]
    """
    image = Image.fromarray(pixels)
    if max(image.size) > COARSE_SIDE_PX and rng.random() < coarse_share:
        side = int(rng.integers(96, COARSE_SIDE_PX + 1))
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    elif rng.random() < 0.15:
        side = int(rng.integers(80, COARSE_SIDE_PX))
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    image = _crop(image, size, rng)
    if rng.random() < 0.8:
        image = _turn_and_shift(image, rng)
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.3)) * size / 224))
    if rng.random() < 0.4:
        image = _recompress(image, int(rng.integers(35, 95)))
    film = _stretch(np.asarray(image, dtype=np.float32), rng)
    if rng.random() < 0.5:
        film = film ** np.float32(np.exp(rng.uniform(-0.35, 0.35)))
    if rng.random() < 0.3:
        film = film + rng.normal(0.0, rng.uniform(0.0, 0.03), film.shape).astype(np.float32)
    return np.asarray(np.clip(film, 0.0, 1.0), dtype=np.float32)


def _crop(image: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """Cut up to 12 % off the borders, each side on its own, and resize with antialiasing."""
    width, height = image.size
    cut = rng.uniform(0.0, 0.12, 4) * (rng.random(4) < 0.5)
    box = (cut[0] * width, cut[1] * height, (1 - cut[2]) * width, (1 - cut[3]) * height)
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _turn_and_shift(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Rotate by up to 7 degrees, scale by up to 8 % and shift by up to 4 % of the side, about the centre."""
    size = image.width
    angle = np.deg2rad(rng.uniform(-7.0, 7.0))
    scale_x, scale_y = np.exp(rng.uniform(-0.08, 0.08, 2))
    shift_x, shift_y = rng.uniform(-0.04, 0.04, 2) * size
    centre = size / 2
    a, b = np.cos(angle) * scale_x, -np.sin(angle) * scale_y
    d, e = np.sin(angle) * scale_x, np.cos(angle) * scale_y
    c = centre + shift_x - a * centre - b * centre
    f = centre + shift_y - d * centre - e * centre
    return image.transform(image.size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR)


def _recompress(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("L")


def _stretch(film: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Stretch grey values by the percentiles of `models.prepare.square`, sometimes a little beside them."""
    low, high = np.percentile(film[::2, ::2], (LOW_PERCENTILE, HIGH_PERCENTILE))
    if rng.random() < 0.5:
        low, high = low + rng.uniform(-0.1, 0.1) * (high - low), high + rng.uniform(-0.1, 0.1) * (high - low)
    if high - low < 1.0:
        return np.zeros_like(film)
    return np.asarray(np.clip((film - np.float32(low)) / np.float32(high - low), 0.0, 1.0), dtype=np.float32)
