"""Chests drawn as ellipses, for tests of places: everything about them is known."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lucidray.domain.anatomy import ORGANS, Anatomy
from lucidray.domain.box import Box
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import Side, Zone
from lucidray.localization.sides import find_thorax

Ellipse = tuple[float, float, float, float]
# Centre x, centre y, half width, half height, as shares of the film; image left is the patient's right.
CHEST: dict[str, Ellipse] = {
    "right_lung": (0.30, 0.50, 0.16, 0.35),
    "left_lung": (0.70, 0.50, 0.16, 0.35),
    "heart": (0.54, 0.65, 0.15, 0.15),
    "right_clavicle": (0.34, 0.15, 0.10, 0.02),
    "left_clavicle": (0.66, 0.15, 0.10, 0.02),
}


def draw(changes: Mapping[str, Ellipse | None] | None = None, size: int = 128) -> Anatomy:
    """Draw a chest on a (size, size) grid; an organ that is changed to None is left out."""
    y, x = (np.indices((size, size)) + 0.5) / size
    masks = np.zeros((len(ORGANS), size, size), dtype=bool)
    for mask, organ in zip(masks, ORGANS, strict=True):
        ellipse = {**CHEST, **(changes or {})}[organ]
        if ellipse is not None:
            cx, cy, rx, ry = ellipse
            mask[:] = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    # A lung ends where the heart begins.
    masks[:2] &= ~masks[2]
    return Anatomy(masks)


def mirrored(anatomy: Anatomy) -> Anatomy:
    """Return the chest of the film mirrored: the lung on the image's left is again called right."""
    masks = anatomy.masks[:, :, ::-1]
    return Anatomy(masks[[1, 0, 2, 4, 3]])


def film(width: int = 300, height: int = 400, **facts: object) -> Radiograph:
    """Return a film of that size; nobody looks at its pixels here."""
    return Radiograph(pixels=np.zeros((height, width), dtype=np.float32), name="film", format="array", **facts)


def blob(x: float, y: float, *, spread: float = 0.06, cells: int = 14, height: float = 1.0) -> Heatmap:
    """Return a heatmap, to be cut at 0.5, with one round hot place at (x, y), as shares of the film."""
    rows, columns = (np.indices((cells, cells)) + 0.5) / cells
    values = height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))
    return Heatmap(values.astype(np.float32), cut=0.5)


def together(*heatmaps: Heatmap) -> Heatmap:
    """Lay heatmaps over each other."""
    return Heatmap(np.maximum.reduce([heatmap.values for heatmap in heatmaps]), heatmaps[0].cut)


def place(box: Box, anatomy: Anatomy, film: Radiograph) -> tuple[Side, Zone] | None:
    """Return side and zone of a box in pixels of `film.pixels`; None without lungs, or where it lies outside."""
    thorax = find_thorax(anatomy)
    rows, columns = anatomy.masks.shape[1:]
    on_grid = box.scaled(columns / film.width_px, rows / film.height_px)
    weight = np.outer(_cover(on_grid.y0, on_grid.y1, rows), _cover(on_grid.x0, on_grid.x1, columns))
    if thorax is None or not weight.any():
        return None
    side = thorax.side(weight)
    return side, thorax.zone((on_grid.y0 + on_grid.y1) / 2, side)


def _cover(start: float, end: float, count: int) -> npt.NDArray[np.float64]:
    """Return the share of each of `count` unit cells that the stretch from `start` to `end` covers."""
    edges = np.clip(np.arange(count + 1), start, end)
    return np.diff(edges)
