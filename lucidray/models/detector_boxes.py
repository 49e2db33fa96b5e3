"""From a detector's answer to boxes, scores and classes: pure functions on arrays."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.domain.errors import ModelError
from lucidray.domain.radiograph import FloatImage
from lucidray.models.detector_layout import Layout
from lucidray.models.frame import Frame

Floats = npt.NDArray[np.float32]
_TOLERANCE = 1e-3  # scores that another precision put this far outside [0, 1]


class Drawn(NamedTuple):
    """Boxes in pixels of the picture: (M, 4) corners, (M,) scores, (M,) classes; greatest score first."""

    xyxy_px: Floats
    scores: Floats
    classes: npt.NDArray[np.int64]


def letterboxed(pixels: FloatImage, size: tuple[int, int], fill: float) -> tuple[Floats, Frame]:
    """Fit a film into a picture as YOLO does: proportions kept, centred, grey beside it.

    Interpolation is bilinear between pixels, without antialiasing, as OpenCV's in these tools: a detector finds what it
    learnt to see.

    Parameters
    ----------
    pixels : (H, W) float32 in [0, 1]
    size : (height, width)
        Of the picture.
    fill : float in [0, 1]
        Grey beside the film.

    Returns
    -------
    picture : (height, width) float32 in [0, 1]
    frame : Frame
        What it shows, in shares of the film.
    """
    height, width = size
    rows, columns = pixels.shape
    scale = min(height / rows, width / columns)
    high, wide = max(1, min(height, round(rows * scale))), max(1, min(width, round(columns * scale)))
    left, top = (width - wide) // 2, (height - high) // 2
    film = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    if (high, wide) != (rows, columns):
        across = (columns / wide, 0.0, 0.0, 0.0, rows / high, 0.0)
        film = film.transform((wide, high), Image.Transform.AFFINE, across, Image.Resampling.BILINEAR)
    picture = np.full((height, width), fill, dtype=np.float32)
    picture[top : top + high, left : left + wide] = np.asarray(film, dtype=np.float32)
    return picture, Frame(-left / wide, -top / high, (width - left) / wide, (height - top) / high)


def decode(answer: npt.NDArray[np.floating], layout: Layout, classes: int, least: float, source: str) -> Drawn:
    """Read an answer.

    Parameters
    ----------
    answer : (1, rows, columns) float
    layout : Layout
    classes : int
    least : float in [0, 1]
        Boxes below this score are left out.
    source : str
        What to call the detector in an error.

    Raises
    ------
    ModelError
        Scores or classes are none.
    """
    table = np.asarray(answer, dtype=np.float32)[0]
    if layout == "end-to-end":
        corners, scores, number = table[:, :4], table[:, 4], table[:, 5]
        kept = _kept(scores, least, source)
        named = number[kept]
        if not ((named >= 0) & (named < classes) & (named == np.rint(named))).all():
            raise ModelError(f"{source} answers classes that it does not name")
        drawn = Drawn(corners[kept], scores[kept], named.astype(np.int64))
        return _in_order(drawn)
    if layout == "yolov8":
        table = table.T
        by_class = table[:, 4:]
    else:
        by_class = table[:, 5:] * table[:, 4:5]
    best = by_class.argmax(axis=1)
    scores = by_class[np.arange(len(by_class)), best]
    kept = _kept(scores, least, source)
    centre, half = table[kept, :2], table[kept, 2:4] / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    return _in_order(Drawn(corners, scores[kept], best[kept].astype(np.int64)))


def suppress(drawn: Drawn, most_iou: float) -> Drawn:
    """Drop boxes that overlap one of the same class with a greater score by more than `most_iou`."""
    kept: list[int] = []
    for place in range(len(drawn.scores)):
        same = [other for other in kept if drawn.classes[other] == drawn.classes[place]]
        if not same or float(ious(drawn.xyxy_px[place], drawn.xyxy_px[same]).max()) <= most_iou:
            kept.append(place)
    return Drawn(drawn.xyxy_px[kept], drawn.scores[kept], drawn.classes[kept])


def ious(one: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Intersection over union of a box (4,) with boxes (M, 4), corners; 0 where a box has no area."""
    one, others = np.asarray(one, dtype=np.float64), np.asarray(others, dtype=np.float64)
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    areas = np.clip(others[:, 2:] - others[:, :2], 0, None).prod(axis=1) + np.clip(one[2:] - one[:2], 0, None).prod()
    union = areas - common
    return np.asarray(np.where(union > 0, common / np.where(union > 0, union, 1), 0.0), dtype=np.float64)


def _kept(scores: Floats, least: float, source: str) -> npt.NDArray[np.int64]:
    if not np.isfinite(scores).all() or scores.min(initial=0) < -_TOLERANCE or scores.max(initial=0) > 1 + _TOLERANCE:
        raise ModelError(f"{source} answers scores that are none: they lie between 0 and 1")
    return np.flatnonzero((scores >= least) & (scores > 0))


def _in_order(drawn: Drawn) -> Drawn:
    order = np.argsort(-drawn.scores, kind="stable")
    return Drawn(drawn.xyxy_px[order], drawn.scores[order], drawn.classes[order])
