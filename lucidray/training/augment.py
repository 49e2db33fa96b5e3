"""Films varied as hospitals vary them, together with the places that are known on them.

Resolution and compression are varied hard, because the training folders differ in both, and a network would rather
learn the folder than the disease. A film may be mirrored, since no output names a side: a side comes from the segmented
lungs, whose own training never mirrors without changing the labels.
"""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from lucidray.models.prepare import HIGH_PERCENTILE, LOW_PERCENTILE

COARSE_SIDE_PX = 128  # the side of most training films; finer films come down to it most of the time


@dataclass(frozen=True)
class Geometry:
    """Where every place of a film goes; the same for the film and for the masks that lie on it.

    Attributes
    ----------
    cut : (left, top, right, bottom)
        What is cut off each border, as a share of the side.
    matrix : (a, b, c, d, e, f)
        Inverse affine map about the centre, shifts as shares of the side.
    mirrored : bool
        Whether left and right are exchanged, last.
    """

    cut: tuple[float, float, float, float]
    matrix: tuple[float, float, float, float, float, float]
    mirrored: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, mirror_share: float) -> "Geometry":
        """Draw one: up to 12 % off each border, 7 degrees, 8 % of scale, 4 % of shift."""
        cut = rng.uniform(0.0, 0.12, 4) * (rng.random(4) < 0.5)
        a, b, c, d, e, f = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0
        if rng.random() < 0.8:
            angle = np.deg2rad(rng.uniform(-7.0, 7.0))
            scale_x, scale_y = np.exp(rng.uniform(-0.08, 0.08, 2))
            c, f = rng.uniform(-0.04, 0.04, 2)
            a, b = np.cos(angle) * scale_x, -np.sin(angle) * scale_y
            d, e = np.sin(angle) * scale_x, np.cos(angle) * scale_y
        left, top, right, bottom = (float(share) for share in cut)
        matrix = (float(a), float(b), float(c), float(d), float(e), float(f))
        return cls((left, top, right, bottom), matrix, bool(rng.random() < mirror_share))

    def apply(self, image: Image.Image, size: int) -> Image.Image:
        """Bring an image to (size, size), antialiased."""
        width, height = image.size
        left, top, right, bottom = self.cut
        box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
        a, b, c, d, e, f = self.matrix
        if (a, b, c, d, e, f) != (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
            centre = size / 2
            moved = (
                a, b, centre + c * size - a * centre - b * centre, d, e, centre + f * size - d * centre - e * centre
            )  # fmt: skip
            image = image.transform(image.size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR)
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.mirrored else image


def augment(
    pixels: npt.NDArray[np.uint8],
    size: int,
    rng: np.random.Generator,
    *,
    coarse_share: float = 0.6,
    mirror_share: float = 0.0,
    masks: npt.NDArray[np.uint8] | None = None,
    mask_size: int = 0,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
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
    mirror_share : float
        How often left and right are exchanged.
    masks : (M, h, w) uint8, optional
        Places on the film, 255 inside; they go where the film goes.
    mask_size : int
        Side of the resulting masks.

    Returns
    -------
    film : (size, size) float32 in [0, 1]
    masks : (M, mask_size, mask_size) float32 in [0, 1]
    """
    image = Image.fromarray(pixels)
    if max(image.size) > COARSE_SIDE_PX and rng.random() < coarse_share:
        side = int(rng.integers(96, COARSE_SIDE_PX + 1))
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    elif rng.random() < 0.15:
        side = int(rng.integers(80, COARSE_SIDE_PX))
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    geometry = Geometry.draw(rng, mirror_share)
    image = geometry.apply(image, size)
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.3)) * size / 224))
    if rng.random() < 0.4:
        image = _recompress(image, int(rng.integers(35, 95)))
    film = _stretch(np.asarray(image, dtype=np.float32), rng)
    if rng.random() < 0.5:
        film = film ** np.float32(np.exp(rng.uniform(-0.35, 0.35)))
    if rng.random() < 0.3:
        film = film + rng.normal(0.0, rng.uniform(0.0, 0.03), film.shape).astype(np.float32)
    film = np.asarray(np.clip(film, 0.0, 1.0), dtype=np.float32)
    if masks is None:
        return film, np.zeros((0, mask_size, mask_size), dtype=np.float32)
    moved = [np.asarray(geometry.apply(Image.fromarray(mask), mask_size), dtype=np.float32) / 255 for mask in masks]
    return film, np.stack(moved)


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
