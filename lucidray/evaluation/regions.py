"""How well heatmaps point: whether the hottest place lies in a box drawn by radiologists, and how regions fit it."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lucidray.domain.box import Box

Map = npt.NDArray[np.float32]


def hottest(activation: Map) -> tuple[float, float]:
    """Return the centre (x, y) of the hottest cell of an (h, w) map, in shares of width and height."""
    height, width = activation.shape
    row, column = np.unravel_index(int(np.argmax(activation)), (height, width))
    return (float(column) + 0.5) / width, (float(row) + 0.5) / height


def holds(box: Box, point: tuple[float, float]) -> bool:
    """Whether a point lies in a box: with the hottest point of a map, the pointing game.

    References
    ----------
    Zhang et al., International Journal of Computer Vision 126 (2018) 1084
    """
    x, y = point
    return box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1


def enlarged(activation: Map, factor: int = 4) -> Map:
    """Interpolate an (h, w) map to (factor * h, factor * w), cells staying where they were."""
    return np.asarray(ndimage.zoom(activation, factor, order=1, mode="nearest", grid_mode=True), dtype=np.float32)


def regions(activation: Map, cut: float) -> list[Box]:
    """Boxes around the connected places whose value reaches `cut`, corners in shares of the film."""
    labelled, _ = ndimage.label(activation >= cut)
    height, width = activation.shape
    return [
        Box(columns.start / width, rows.start / height, columns.stop / width, rows.stop / height)
        for rows, columns in ndimage.find_objects(labelled)
    ]
