"""From a finding's heatmap to boxes on the film, each with its side, its zone and its size.

A heatmap is coarse: one of its cells covers a tenth of the film or so. It is interpolated before it is cut, or boxes
would follow the cells; and no box is made smaller than a cell, for the network saw nothing finer.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.box import Box
from lucidray.domain.mask import Mask, components
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Finding, Region
from lucidray.domain.vocabulary import Label, Side, Zone, finding_id
from lucidray.localization.sides import Thorax, find_thorax

MAX_REGIONS = 3
_GRID_SIDE = 64
# A hiatal hernia lies in front of the spine, whichever side it bulges to: it is never cut in two at the midline.
UNDIVIDED: frozenset[Label] = frozenset({"Cardiomegaly", "Hernia"})
# What can lie in the mediastinum; everything else is a disease of lung or pleura, and on a side.
MAY_BE_MIDLINE: frozenset[Label] = UNDIVIDED | {"Mass", "Nodule"}
# Below the cut a place is shown only if it reaches this share of the cut; the region then reaches down to this share of
# its own peak. The peak must stand out: a map that is even all over points nowhere.
_FAINT_SHARE_OF_CUT = 0.5
_FAINT_SHARE_OF_PEAK = 0.7
_MAX_FAINT_SHARE_OF_THORAX = 0.5
# A piece is dropped with less than this share of the weight of the strongest one, and so is a spill over the midline.
_MIN_SHARE_OF_STRONGEST = 0.15
_MIN_SHARE_OF_PIECE = 0.2
# A box leaves out this share of a piece's weight on each of its four sides: thin tails reach far and say little.
_TAIL_SHARE = 0.02

_Weights = npt.NDArray[np.float64]


def locate_all(
    findings: list[Finding], heatmaps: Mapping[Label, Heatmap], anatomy: Anatomy, film: Radiograph
) -> list[Finding]:
    """Give every finding that is present or uncertain its regions; one that is absent points nowhere."""
    # A heatmap has 14 cells a side: masks of 64 pixels are fine enough for it, and much faster than those of 256.
    step = max(1, anatomy.masks.shape[1] // _GRID_SIDE)
    thorax = find_thorax(Anatomy(anatomy.masks[:, ::step, ::step]))
    return [
        finding.model_copy(update={"regions": locate(finding.label, heatmaps.get(finding.label), thorax, film)})
        if finding.status in ("present", "uncertain")
        else finding
        for finding in findings
    ]


def locate(label: Label, heatmap: Heatmap | None, thorax: Thorax | None, film: Radiograph) -> list[Region]:
    """Find the places on the film that a finding points at.

    Parameters
    ----------
    label : Label
        Cardiomegaly is always the segmented heart, whatever its heatmap says.
    heatmap : Heatmap or None
        Of this finding, over the whole film; None where it has no score.
    thorax : Thorax or None
        Of the same film; None where no lung was found.
    film : Radiograph
        As read, corrections applied.

    Returns
    -------
    list of Region
        Strongest first, at most `MAX_REGIONS`, each inside the thorax. Boxes and sizes are those on the stored image,
        sides and zones those of the upright film. Empty where no lungs were found, where nothing in the thorax comes
        near the heatmap's cut, or where the hottest point of a faint map lies outside the thorax.
    """
    if thorax is None:
        return []
    if label == "Cardiomegaly":
        heart = thorax.heart.clipped(thorax.box) if thorax.heart else None
        if heart is None:
            return []
        region = region_at(label, 1, heart, ("midline", "lower"), thorax, film)
        return [region.model_copy(update={"drawn_by": "anatomy"})]
    if heatmap is None:
        return []
    rows, columns = thorax.shape
    values = _interpolated(heatmap.values, rows, columns)
    high, wide = heatmap.cell or (1 / heatmap.values.shape[0], 1 / heatmap.values.shape[1])
    cell = (columns * wide, rows * high)
    regions = []
    midline = label in MAY_BE_MIDLINE
    pieces = _pieces(values, heatmap.cut, thorax, divide=label not in UNDIVIDED, midline=midline)
    for number, weights in enumerate(pieces[:MAX_REGIONS], start=1):
        side = thorax.side(weights, may_be_midline=midline)
        box = _tight_box(weights, cell, thorax.box)
        centre_y = float(np.average(np.arange(rows) + 0.5, weights=weights.sum(axis=1)))
        zone = thorax.zone(centre_y, side)
        regions.append(region_at(label, number, box, (side, zone), thorax, film))
    return regions


def _pieces(values: _Weights, cut: float, thorax: Thorax, *, divide: bool, midline: bool) -> list[_Weights]:
    """Cut the map into places, strongest first; each is (h, w), zero outside the place."""
    inside = _filled(thorax.box, thorax.shape)
    hot = (values >= cut) & (values > 0) & inside
    found = components(hot) if hot.any() else _faint(values, cut, inside)
    parts = [
        part for piece in found for part in (_divided(piece, values, thorax, midline=midline) if divide else [piece])
    ]
    weighed = sorted((values * part for part in parts), key=lambda weights: -float(weights.sum()))
    strongest = float(weighed[0].sum()) if weighed else 0.0
    kept = [weights for weights in weighed if float(weights.sum()) >= _MIN_SHARE_OF_STRONGEST * strongest]
    return sorted(kept, key=lambda weights: -float(weights.max()))


def _faint(values: _Weights, cut: float, inside: Mask) -> list[Mask]:
    """Return the surroundings of the hottest point, where it lies in the thorax and stands out; else nothing."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    peak = float(values[row, column])
    if peak <= 0 or peak < _FAINT_SHARE_OF_CUT * cut or not inside[row, column]:
        return []
    around = (values >= _FAINT_SHARE_OF_PEAK * peak) & inside
    piece = next(piece for piece in components(around) if piece[row, column])
    return [piece] if piece.sum() <= _MAX_FAINT_SHARE_OF_THORAX * inside.sum() else []


def _divided(piece: Mask, values: _Weights, thorax: Thorax, *, midline: bool) -> list[Mask]:
    """Part a piece that spans both lungs at the midline; leave out what merely spills over it."""
    if midline and thorax.side(values * piece) == "midline":
        return [piece]
    whole = float(values[piece].sum())
    halves = [piece & thorax.on_right, piece & ~thorax.on_right]
    return [
        part
        for half in halves
        if float(values[half].sum()) >= _MIN_SHARE_OF_PIECE * whole
        for part in components(half)
        if float(values[part].sum()) >= _MIN_SHARE_OF_PIECE * whole
    ]


def _tight_box(weights: _Weights, cell: tuple[float, float], bounds: Box) -> Box:
    """Box the weight without its tails, no smaller than a cell of the heatmap, within bounds."""
    x0, x1 = _middle(weights.sum(axis=0))
    y0, y1 = _middle(weights.sum(axis=1))
    x0, x1 = _widened(x0, x1, cell[0], bounds.x0, bounds.x1)
    y0, y1 = _widened(y0, y1, cell[1], bounds.y0, bounds.y1)
    return Box(x0, y0, x1, y1)


def _middle(profile: _Weights) -> tuple[float, float]:
    """Return where the weight along one axis begins and ends, tails left out; fractions of a pixel count."""
    reached = np.concatenate(([0.0], np.cumsum(profile)))
    edges = np.arange(len(reached))
    total = reached[-1]
    start, end = np.interp([_TAIL_SHARE * total, (1.0 - _TAIL_SHARE) * total], reached, edges)
    return float(start), float(end)


def _widened(start: float, end: float, least: float, lower: float, upper: float) -> tuple[float, float]:
    """Widen a stretch about its middle to at least `least`, then shift and clip it into [lower, upper]."""
    length = min(max(end - start, least), upper - lower)
    start = min(max((start + end - length) / 2, lower), upper - length)
    return start, start + length


def _region_id(label: Label, number: int) -> str:
    return f"{finding_id(label).replace('finding-', 'region-', 1)}-{number}"


def region_at(
    label: Label, number: int, box: Box, where: tuple[Side, Zone], thorax: Thorax, film: Radiograph
) -> Region:
    """Make the `number`th region of a finding of a box on the masks' grid."""
    rows, columns = thorax.shape
    on_film = box.scaled(film.width_px / columns, film.height_px / rows)
    stored = film.to_stored(on_film)
    size_mm = None
    if film.stored_spacing_mm is not None:
        row_mm, column_mm = film.stored_spacing_mm
        size_mm = (round(stored.width * column_mm, 1), round(stored.height * row_mm, 1))
    return Region(
        id=_region_id(label, number),
        box_xyxy_px=_rounded(stored, film.stored_size_px),
        side=where[0],
        zone=where[1],
        size_mm=size_mm,
        size_fraction_thorax=round(min(box.width / thorax.width, 1.0), 3),
    )


def _rounded(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Round to a tenth of a pixel, inside the image: a float error must not put an edge beyond the border."""
    width, height = size
    x0, y0, x1, y1 = (round(edge, 1) for edge in box)
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))


def _filled(box: Box, shape: tuple[int, int]) -> Mask:
    rows, columns = (np.arange(count) + 0.5 for count in shape)
    inside: Mask = np.outer((rows > box.y0) & (rows < box.y1), (columns > box.x0) & (columns < box.x1))
    return inside


def _interpolated(values: npt.NDArray[np.float32], rows: int, columns: int) -> _Weights:
    """Interpolate a coarse map bilinearly between its cells' centres; beyond the outermost ones it stays level."""
    # Not as a product of matrices: for sizes as these, a BLAS spends 20 ms on waking its threads.
    across = _stretched(values.astype(np.float64).T, columns).T
    return _stretched(across, rows)


def _stretched(values: _Weights, count: int) -> _Weights:
    """Interpolate along the first axis, to `count` rows."""
    last = len(values) - 1
    positions = np.clip((np.arange(count) + 0.5) * len(values) / count - 0.5, 0, last)
    above = np.floor(positions).astype(np.intp)
    share = (positions - above)[:, None]
    return (1.0 - share) * values[above] + share * values[np.minimum(above + 1, last)]
