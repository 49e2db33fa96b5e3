"""How a film lies on the picture that a model sees, and how a box on the picture comes back to the film."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.domain.box import Box
from lucidray.domain.radiograph import FloatImage


@dataclass(frozen=True)
class Letterbox:
    """An axis-parallel map between film and picture: ``picture = film * scale + offset``, per axis.

    It neither mirrors nor turns: both scales are positive, the film's left is the picture's left.

    Attributes
    ----------
    film_width_px, film_height_px : int
    width_px, height_px : int
        Of the picture.
    x_scale, y_scale : float > 0
        Pixels of the picture a pixel of the film.
    x_offset, y_offset : float
        Where the film's left and upper border lie on the picture; negative where the picture shows only a part.
    """

    film_width_px: int
    film_height_px: int
    width_px: int
    height_px: int
    x_scale: float
    y_scale: float
    x_offset: float = 0.0
    y_offset: float = 0.0

    def to_picture(self, box: Box) -> Box:
        """Map a box on the film to the picture, unclipped."""
        return Box(
            box.x0 * self.x_scale + self.x_offset,
            box.y0 * self.y_scale + self.y_offset,
            box.x1 * self.x_scale + self.x_offset,
            box.y1 * self.y_scale + self.y_offset,
        )

    def to_film(self, box: Box) -> Box | None:
        """Map a box on the picture to the film, clipped to its borders; None where it lies beside the film."""
        inverse = Box(
            (box.x0 - self.x_offset) / self.x_scale,
            (box.y0 - self.y_offset) / self.y_scale,
            (box.x1 - self.x_offset) / self.x_scale,
            (box.y1 - self.y_offset) / self.y_scale,
        )
        return inverse.clipped(Box(0.0, 0.0, float(self.film_width_px), float(self.film_height_px)))

    def shares_to_film(self, box: Box) -> Box | None:
        """Map a box in shares of the picture, each in [0, 1], to the film; None where it lies beside the film."""
        return self.to_film(box.scaled(self.width_px, self.height_px))

    def draw(self, pixels: FloatImage) -> Image.Image:
        """Draw the film on a black picture.

        Parameters
        ----------
        pixels : (H, W) float32 in [0, 1]
            `Radiograph.pixels`: windowed, bright = dense, column 0 on the viewer's left.

        Returns
        -------
        PIL.Image, mode RGB
            Three equal channels, 8 bits each.
        """
        left, top = self.x_offset, self.y_offset
        # The part of the film that is seen, and where it goes.
        seen = Box(0.0, 0.0, float(self.width_px), float(self.height_px))
        source = self.to_film(seen) or Box(0.0, 0.0, float(self.film_width_px), float(self.film_height_px))
        target = self.to_picture(source)
        size = (max(1, round(target.width)), max(1, round(target.height)))
        corners = (source.x0, source.y0, source.x1, source.y1)
        film = grey(pixels).resize(size, Image.Resampling.BILINEAR, box=corners, reducing_gap=3.0)
        picture = Image.new("L", (self.width_px, self.height_px), 0)
        picture.paste(film, (max(0, round(left)), max(0, round(top))))
        return Image.merge("RGB", (picture, picture, picture))


def padded(film_width_px: int, film_height_px: int, side_px: int) -> Letterbox:
    """Fit the whole film into a square, centred, black beside it; its proportions stay, to half a pixel.

    MedGemma's own notebooks pad to a square before the processor resizes to 896 pixels: what is fitted here to the
    processor's size passes through it unchanged.
    """
    _check(film_width_px, film_height_px, side_px)
    longest = max(film_width_px, film_height_px)
    width = max(1, round(film_width_px * side_px / longest))
    height = max(1, round(film_height_px * side_px / longest))
    return Letterbox(
        film_width_px,
        film_height_px,
        side_px,
        side_px,
        width / film_width_px,
        height / film_height_px,
        float((side_px - width) // 2),
        float((side_px - height) // 2),
    )


def stretched(film_width_px: int, film_height_px: int, width_px: int, height_px: int) -> Letterbox:
    """Stretch the film over the whole picture."""
    _check(film_width_px, film_height_px, width_px, height_px)
    return Letterbox(
        film_width_px,
        film_height_px,
        width_px,
        height_px,
        width_px / film_width_px,
        height_px / film_height_px,
    )


def cropped(film_width_px: int, film_height_px: int, side_px: int, shortest_px: int | None = None) -> Letterbox:
    """Show a square from the film's middle: what lies beside it, the model never sees (MAIRA-2's processor does so).

    The film's shorter side is first brought to `shortest_px`; by default it is the square's own.
    """
    shortest_px = side_px if shortest_px is None else shortest_px
    _check(film_width_px, film_height_px, side_px, shortest_px)
    if shortest_px < side_px:
        raise ValueError(f"a square of {side_px} pixels cannot be cut from {shortest_px}")
    shortest = min(film_width_px, film_height_px)
    width, height = film_width_px * shortest_px // shortest, film_height_px * shortest_px // shortest
    return Letterbox(
        film_width_px,
        film_height_px,
        side_px,
        side_px,
        width / film_width_px,
        height / film_height_px,
        -float((width - side_px) // 2),
        -float((height - side_px) // 2),
    )


def grey(pixels: FloatImage) -> Image.Image:
    """Turn (H, W) pixels in [0, 1] into an 8-bit grey picture, neither inverted nor mirrored."""
    eight_bit: npt.NDArray[np.uint8] = np.rint(np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(eight_bit))


def _check(*sizes: int) -> None:
    for size in sizes:
        if not (math.isfinite(size) and size >= 1):
            raise ValueError(f"a picture has at least one pixel a side, not {size}")
