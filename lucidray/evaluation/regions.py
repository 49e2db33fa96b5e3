"""How well heatmaps point: whether the hottest place lies in a box drawn by radiologists, and how regions fit it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lucidray.domain.box import Box

Map = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BoxedMap:
    """A heatmap over a whole film, and a box on that film in shares of its width and height.

    Attributes
    ----------
    activation : (h, w) float32
        Logit units.
    box : Box
        Corners in [0, 1].
    """

    activation: Map
    box: Box


def points_into(boxed: BoxedMap) -> bool:
    """Whether the hottest place of the map lies in the box (the pointing game).

    References
    ----------
    Zhang et al., International Journal of Computer Vision 126 (2018) 1084
    """
    height, width = boxed.activation.shape
    row, column = np.unravel_index(int(np.argmax(boxed.activation)), (height, width))
    x, y = (column + 0.5) / width, (row + 0.5) / height
    return bool(boxed.box.x0 <= x <= boxed.box.x1 and boxed.box.y0 <= y <= boxed.box.y1)


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


def best_overlap(boxed: BoxedMap, cut: float) -> float:
    """Greatest intersection over union of the box with any region of the map; 0 where no place reaches the cut."""
    return max((boxed.box.iou(region) for region in regions(boxed.activation, cut)), default=0.0)
