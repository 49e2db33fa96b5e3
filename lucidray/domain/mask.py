"""Boolean masks over a film: their pieces and their extent.

NumPy only: importing `scipy.ndimage` takes longer than everything that is done here.
"""

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box

Mask = npt.NDArray[np.bool_]


def components(mask: Mask) -> list[Mask]:
    """Split a mask into its pieces.

    Parameters
    ----------
    mask : (h, w) bool
        Any shape, also empty.

    Returns
    -------
    list of (h, w) bool
        Pieces whose pixels touch along an edge or at a corner (8-connected), largest first; pieces of one size in the
        order of their topmost row, then of their leftmost pixel in it.
    """
    rows, starts, ends = _runs(mask)
    roots = _joined(rows, starts, ends)
    area: dict[int, int] = {}
    for root, length in zip(roots, (ends - starts).tolist(), strict=True):
        area[root] = area.get(root, 0) + length
    # A root is the first run of its piece, and runs are listed from top to bottom.
    order = {root: number for number, root in enumerate(sorted(area, key=lambda root: (-area[root], root)))}
    pieces = [np.zeros(mask.shape, dtype=np.bool_) for _ in order]
    for root, row, start, end in zip(roots, rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        pieces[order[root]][row, start:end] = True
    return pieces


def largest(mask: Mask) -> Mask:
    """Return the largest piece of a mask, as (h, w) bool; nothing is set where nothing was."""
    rows, starts, ends = _runs(mask)
    roots = np.array(_joined(rows, starts, ends), dtype=np.intp)
    piece = np.zeros(mask.shape, dtype=np.bool_)
    if not len(roots):
        return piece
    kept = roots == np.bincount(roots, weights=ends - starts).argmax()
    for row, start, end in zip(rows[kept].tolist(), starts[kept].tolist(), ends[kept].tolist(), strict=True):
        piece[row, start:end] = True
    return piece


def extent(mask: Mask) -> Box | None:
    """Return the smallest box around a mask, in pixels of the mask, or None where nothing is set."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


_Runs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]


def _runs(mask: Mask) -> _Runs:
    """List the unbroken stretches of every row, from top to bottom: row, first column, column after the last."""
    inside = mask.view(np.int8)
    edges = np.empty((mask.shape[0], mask.shape[1] + 1), dtype=np.int8)
    edges[:, 0], edges[:, -1] = inside[:, 0], -inside[:, -1]
    edges[:, 1:-1] = inside[:, 1:] - inside[:, :-1]
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1]


def _joined(rows: npt.NDArray[np.intp], starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]) -> list[int]:
    """Name every run by the first run of the piece that it belongs to."""
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    row, start, end = rows.tolist(), starts.tolist(), ends.tolist()
    above = 0
    for run in range(len(row)):
        # Skip what ends before this run begins; what reaches beyond it may still touch the next run of this row.
        while row[above] < row[run] - 1 or (row[above] == row[run] - 1 and end[above] < start[run]):
            above += 1
        other = above
        while row[other] == row[run] - 1 and start[other] <= end[run]:
            low, high = sorted((root(other), root(run)))
            parent[high] = low
            other += 1
    return [root(run) for run in range(len(row))]
