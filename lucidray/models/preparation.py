"""From a film to what a model from elsewhere was trained to see: size, crop, grey values, as its card says."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.domain.radiograph import FloatImage
from lucidray.models.frame import WHOLE, Frame

Fit = Literal["stretch", "crop", "pad"]
Interpolation = Literal["bilinear", "bicubic"]
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preparation:
    """How a film becomes a model's input.

    Attributes
    ----------
    size : (height, width)
        Of the input, in pixels.
    channels : int
        1, or 3 with the same film in each.
    fit : "stretch", "crop" or "pad"
        Stretched to the size; scaled until it covers the size over `crop_share`, and cut out of the middle; or scaled
        until it fits in, and padded with black.
    crop_share : float in (0, 1]
        Share of the covered size that the middle cut keeps, along each axis; only with "crop".
    interpolation : "bilinear" or "bicubic"
        Always with antialiasing, as Pillow does it.
    low, high : float
        What black and white are before `mean` and `std` are applied.
    mean, std : tuple of float
        One a channel, or one for all.
    """

    size: tuple[int, int]
    channels: int = 3
    fit: Fit = "stretch"
    crop_share: float = 1.0
    interpolation: Interpolation = "bilinear"
    low: float = 0.0
    high: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def apply(self, pixels: FloatImage) -> tuple[npt.NDArray[np.float32], Frame]:
        """Prepare one film.

        Parameters
        ----------
        pixels : (H, W) float32 in [0, 1]
            Bright = dense, row 0 superior.

        Returns
        -------
        input : (1, channels, height, width) float32
        frame : Frame
            The part of the film that the input shows.
        """
        small, frame = self._fitted(pixels)
        mean, std = (np.asarray(values, dtype=np.float32).reshape(-1, 1, 1) for values in (self.mean, self.std))
        scaled = np.float32(self.low) + np.float32(self.high - self.low) * small
        stacked = np.repeat(scaled[None], self.channels, axis=0)
        return np.ascontiguousarray(((stacked - mean) / std)[None], dtype=np.float32), frame

    def _fitted(self, pixels: FloatImage) -> tuple[npt.NDArray[np.float32], Frame]:
        height, width = self.size
        rows, columns = pixels.shape
        if self.fit == "stretch":
            return self._resized(pixels, width, height), WHOLE
        if self.fit == "pad":
            scale = min(width / columns, height / rows)
            wide, high = max(1, round(columns * scale)), max(1, round(rows * scale))
            left, top = (width - wide) // 2, (height - high) // 2
            canvas = np.zeros((height, width), dtype=np.float32)
            canvas[top : top + high, left : left + wide] = self._resized(pixels, wide, high)
            return canvas, Frame(-left / wide, -top / high, (width - left) / wide, (height - top) / high)
        # The shorter side is brought to the covered size first, the middle is cut out after: as torchvision does it.
        covered = (int(height / self.crop_share), int(width / self.crop_share))
        scale = max(covered[1] / columns, covered[0] / rows)
        wide, high = max(width, int(columns * scale + 1e-6)), max(height, int(rows * scale + 1e-6))
        left, top = round((wide - width) / 2), round((high - height) / 2)
        cut = self._resized(pixels, wide, high)[top : top + height, left : left + width]
        return cut, Frame(left / wide, top / high, (left + width) / wide, (top + height) / high)

    def _resized(self, pixels: FloatImage, width: int, height: int) -> npt.NDArray[np.float32]:
        image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
        small = np.asarray(image.resize((width, height), _FILTERS[self.interpolation]), dtype=np.float32)
        # Bicubic rings: it leaves [0, 1] at a hard edge, where eight bits would have clipped it.
        return np.clip(small, 0.0, 1.0)
