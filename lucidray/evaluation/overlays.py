"""Outlines of organs on their film, found and drawn, as a small PNG for a page."""

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from lucidray.domain.radiograph import FloatImage
from lucidray.evaluation.masks import Mask
from lucidray.models.prepare import square

_SIDE = 320
_FOUND, _DRAWN = (255, 176, 0), (52, 195, 255)


def overlay(pixels: FloatImage, found: list[Mask], drawn: list[Mask]) -> str:
    """Return a data URL: the film with the outlines found (amber) over those drawn (blue)."""
    grey = np.round(square(pixels, _SIDE) * 255).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    for masks, colour in ((drawn, _DRAWN), (found, _FOUND)):
        for mask in masks:
            picture[_outline(mask)] = colour
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _outline(mask: Mask) -> Mask:
    large = np.asarray(Image.fromarray(mask).resize((_SIDE, _SIDE), Image.Resampling.NEAREST), dtype=np.bool_)
    inner = large.copy()
    inner[1:] &= large[:-1]
    inner[:-1] &= large[1:]
    inner[:, 1:] &= large[:, :-1]
    inner[:, :-1] &= large[:, 1:]
    return large & ~inner
