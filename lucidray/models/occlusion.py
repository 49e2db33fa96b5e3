"""Where a score comes from, for any model at all: hide a piece of the film, and see what becomes of the score.

Exact in what it says, without gradients and without a look inside; it costs one pass a piece. A piece is hidden by what
is left of it when the film is blurred by as much: a black patch would be a thing that no film has.

References
----------
Zeiler and Fergus, ECCV (2014), section 4.2
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

_BATCH = 16
# A piece is hidden with a margin, so that what lies on the border of two pieces is hidden at least once.
_MARGIN_SHARE = 0.25
_BLUR_SHARE = 1.0
Floats = npt.NDArray[np.floating]


def maps(film: npt.NDArray[np.float32], logits: Callable[[npt.NDArray[np.float32]], Floats], grid: int) -> Floats:
    """Hide a film piece by piece.

    Parameters
    ----------
    film : (1, C, H, W) float32
        As the model sees it; its channels hold the same film.
    logits : callable
        From (B, C, H, W) to (B, K).
    grid : int
        Pieces along each axis.

    Returns
    -------
    (K, grid, grid) float in [0, 1)
        Share of the score's odds that is lost when a piece is hidden; 0 where hiding it loses nothing, 0.5 where it
        halves the odds.
    """
    _, channels, height, width = film.shape
    blurred = np.stack([_blurred(film[0, channel], grid) for channel in range(channels)])[None]
    whole = np.asarray(logits(film), dtype=np.float64)[0]
    rows, columns = _pieces(height, grid), _pieces(width, grid)
    hidden = []
    for top, bottom in rows:
        for left, right in columns:
            copy = film[0].copy()
            copy[:, top:bottom, left:right] = blurred[0, :, top:bottom, left:right]
            hidden.append(copy)
    answers = [
        np.asarray(logits(np.stack(hidden[start : start + _BATCH])), dtype=np.float64)
        for start in range(0, len(hidden), _BATCH)
    ]
    lost = np.maximum(whole[None] - np.concatenate(answers), 0.0)
    shares: Floats = -np.expm1(-lost).T.reshape(-1, grid, grid)
    return shares


def _pieces(length: int, grid: int) -> list[tuple[int, int]]:
    margin = _MARGIN_SHARE * length / grid
    edges = np.linspace(0, length, grid + 1)
    return [(max(0, round(start - margin)), min(length, round(end + margin))) for start, end in pairwise(edges)]


def _blurred(channel: npt.NDArray[np.float32], grid: int) -> npt.NDArray[np.float32]:
    """Blur (H, W) values with a Gaussian as wide as a piece, on a small copy: no detail is wanted."""
    height, width = channel.shape
    low, high = float(channel.min()), float(channel.max())
    if high <= low:
        return channel
    side = 4 * grid
    grey = Image.fromarray(np.ascontiguousarray((channel - low) / (high - low), dtype=np.float32))
    # Pillow blurs bytes only; a step of 1/255 in a blur is nothing that a network sees.
    small = Image.fromarray(np.rint(255 * np.clip(np.asarray(grey.resize((side, side))), 0, 1)).astype(np.uint8))
    soft = small.filter(ImageFilter.GaussianBlur(_BLUR_SHARE * side / grid))
    large = np.asarray(Image.fromarray(np.asarray(soft, dtype=np.float32)).resize((width, height)))
    return np.asarray(low + (high - low) * np.clip(large / 255, 0, 1), dtype=np.float32)
