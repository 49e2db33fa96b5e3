"""The part of a film that a network looked at, and the way of its maps back onto the whole film."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box
from lucidray.domain.prediction import Heatmap

# Cells of the whole film for each cell of the network, along each axis, where the two grids do not fall together.
_FINER = 4
_MOST_CELLS = 160
# Maps that lie this close to the film's borders are taken as lying on them.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Frame:
    """What a network saw, as shares of the film's width and height.

    Within [0, 1] where the film was cropped; beyond it where the film was padded. (0, 0, 1, 1) is the whole film.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def is_whole(self) -> bool:
        """Whether the network saw the film, the whole film and nothing but the film."""
        return max(abs(self.x0), abs(self.y0), abs(self.x1 - 1), abs(self.y1 - 1)) < _TOLERANCE

    def to_film(self, box: Box, size: tuple[int, int], width_px: int, height_px: int) -> Box | None:
        """Bring a box back to the film, clipped to its borders.

        Parameters
        ----------
        box : Box
            In pixels of what the network saw.
        size : (height, width)
            Of what it saw.
        width_px, height_px : int
            Of the film.

        Returns
        -------
        Box in pixels of the film, or None where nothing of it lies on the film.
        """
        across, down = (self.x1 - self.x0) / size[1], (self.y1 - self.y0) / size[0]
        shares = Box(
            self.x0 + box.x0 * across, self.y0 + box.y0 * down, self.x0 + box.x1 * across, self.y0 + box.y1 * down
        )
        return shares.scaled(width_px, height_px).clipped(Box(0.0, 0.0, float(width_px), float(height_px)))

    def heatmap(self, values: npt.NDArray[np.floating], cut: float) -> Heatmap:
        """Lay a map over the whole film.

        Parameters
        ----------
        values : (h, w) float in [0, 1]
            Over the frame, row 0 superior.
        cut : float in [0, 1]

        Returns
        -------
        Heatmap
            Zero where the network saw nothing; between the centres of its cells by bilinear interpolation.
        """
        values = np.asarray(values, dtype=np.float32)
        if self.is_whole:
            return Heatmap(values, cut)
        height, width = values.shape
        rows = _along(height, self.y0, self.y1)
        columns = _along(width, self.x0, self.x1)
        laid = _sampled(_sampled(values, rows).T, columns).T
        cell = (min(1.0, (self.y1 - self.y0) / height), min(1.0, (self.x1 - self.x0) / width))
        return Heatmap(np.ascontiguousarray(laid, dtype=np.float32), cut, cell)


WHOLE = Frame(0.0, 0.0, 1.0, 1.0)


def _along(cells: int, start: float, end: float) -> npt.NDArray[np.float64]:
    """Return where the film's grid lies on the network's, in cells from its first edge, along one axis."""
    count = min(_MOST_CELLS, math.ceil(_FINER * cells / (end - start)))
    centres = (np.arange(count) + 0.5) / count
    return (centres - start) / (end - start) * cells


def _sampled(values: npt.NDArray[np.floating], places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Interpolate along the first axis at places in cells from the first edge; outside the map there is nothing."""
    last = len(values) - 1
    position = np.clip(places - 0.5, 0, last)
    above = np.floor(position).astype(np.intp)
    share = (position - above)[:, None]
    mixed = (1 - share) * values[above] + share * values[np.minimum(above + 1, last)]
    inside = (places >= 0) & (places <= len(values))
    return np.where(inside[:, None], mixed, 0.0)
