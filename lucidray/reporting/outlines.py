"""Masks as outlines that can be drawn."""

import numpy as np
import numpy.typing as npt

from lucidray.domain.mask import Mask

# Outlines follow the mask's pixels; a mean over this many corners turns the stairs into a line.
_SMOOTHED_OVER = 9
_KEPT_EVERY = 3


def outlines(mask: Mask) -> list[npt.NDArray[np.float64]]:
    """Walk around every piece and hole of a mask.

    Parameters
    ----------
    mask : (h, w) bool
        Over the whole film.

    Returns
    -------
    list of (n, 2) float64
        Closed smoothed polygons as (x, y) in [0, 1], shares of the mask's width and height. Specks are left out.
    """
    height, width = mask.shape
    polygons = []
    for corners in _walks(mask):
        if len(corners) < 4 * _SMOOTHED_OVER:
            continue
        ring = np.array(corners, dtype=np.float64)
        around = np.concatenate([ring[-(_SMOOTHED_OVER // 2) :], ring, ring[: _SMOOTHED_OVER // 2]])
        kernel = np.ones(_SMOOTHED_OVER) / _SMOOTHED_OVER
        smooth = np.stack([np.convolve(around[:, axis], kernel, mode="valid") for axis in (0, 1)], axis=1)
        polygons.append(smooth[::_KEPT_EVERY] / (width, height))
    return polygons


def _walks(mask: Mask) -> list[list[tuple[int, int]]]:
    """Return closed walks along the pixels' edges, as (x, y) corners, with the mask on the walker's right."""
    padded = np.pad(mask, 1)
    inside, above, left = padded[1:-1, 1:-1], padded[:-2, 1:-1], padded[1:-1, :-2]
    below, right = padded[2:, 1:-1], padded[1:-1, 2:]
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for edge, start, end in (
        (inside & ~above, (0, 0), (1, 0)),
        (inside & ~right, (1, 0), (1, 1)),
        (inside & ~below, (1, 1), (0, 1)),
        (inside & ~left, (0, 1), (0, 0)),
    ):
        for y, x in np.argwhere(edge).tolist():
            steps.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    walks = []
    while steps:
        first = here = next(iter(steps))
        walk: list[tuple[int, int]] = []
        while here != first or not walk:
            walk.append(here)
            ahead = steps[here]
            onwards = ahead.pop()
            if not ahead:
                del steps[here]
            here = onwards
        walks.append(walk)
    return walks
