"""Masks as outlines that can be drawn, and the lines behind the cardiothoracic ratio."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.mask import Mask, extent, largest

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


class Line(NamedTuple):
    """A level line on the film, in its pixels."""

    x0: float
    x1: float
    y: float


# Lines that tell another ratio than the number beside them would be a lie; pixel rounding alone stays below this.
_RATIO_TOLERANCE = 0.02


def cardiothoracic_lines(anatomy: Anatomy, ratio: float, width_px: int, height_px: int) -> list[Line]:
    """Return the widths of thorax and heart as lines to draw.

    Parameters
    ----------
    anatomy : Anatomy
        With the heart and both lungs.
    ratio : float
        The measured cardiothoracic ratio.
    width_px, height_px : int
        Size of the film.

    Returns
    -------
    list of Line
        The heart's width, then the thorax's; none where they do not bear out `ratio`.
    """
    heart = extent(largest(anatomy.mask("heart")))
    thorax = _widest_row(largest(anatomy.mask("right_lung")), largest(anatomy.mask("left_lung")))
    if heart is None or thorax is None:
        return []
    if abs(heart.width / (thorax.x1 - thorax.x0) - ratio) > _RATIO_TOLERANCE:
        return []
    rows, columns = anatomy.masks.shape[1:]
    x_factor, y_factor = width_px / columns, height_px / rows
    lines = (Line(heart.x0, heart.x1, (heart.y0 + heart.y1) / 2), thorax)
    return [Line(round(x0 * x_factor, 1), round(x1 * x_factor, 1), round(y * y_factor, 1)) for x0, x1, y in lines]


def _widest_row(right: Mask, left: Mask) -> Line | None:
    """Return the widest level line from one lung's outer border to the other's."""
    shared = np.flatnonzero(right.any(axis=1) & left.any(axis=1))
    if not len(shared):
        return None
    starts = right[shared].argmax(axis=1)
    ends = right.shape[1] - left[shared, ::-1].argmax(axis=1)
    widest = int((ends - starts).argmax())
    if ends[widest] <= starts[widest]:
        return None
    return Line(float(starts[widest]), float(ends[widest]), float(shared[widest]) + 0.5)
