"""Upscaling without a network: Lanczos interpolation by Pillow, which adds nothing but smoothness."""

import numpy as np
import PIL
from PIL import Image

from lucidray.domain.radiograph import FloatImage
from lucidray.domain.reading import ModelUsed

LANCZOS = "lanczos"
FACTOR = 4


class LanczosUpscaler:
    """`Upscaler` by a windowed sinc over three pixels (Duchon 1979, J Appl Meteorol 18:1016)."""

    @property
    def used(self) -> ModelUsed:
        """Pillow and its version; there are no weights."""
        return ModelUsed(role="upscaler", name=self.name, version=f"Pillow {PIL.__version__}", sha256=None)

    @property
    def name(self) -> str:
        """``lanczos``."""
        return LANCZOS

    @property
    def factor(self) -> int:
        """4, as the networks: one chain of sizes holds for all."""
        return FACTOR

    def upscale(self, pixels: FloatImage) -> FloatImage:
        """Interpolate (H, W) float32 in [0, 1]; what rings beyond black and white is cut."""
        rows, columns = pixels.shape
        image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
        large = image.resize((columns * FACTOR, rows * FACTOR), Image.Resampling.LANCZOS)
        return np.clip(np.asarray(large, dtype=np.float32), 0.0, 1.0)
