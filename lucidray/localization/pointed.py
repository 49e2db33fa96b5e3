"""Where a reader points: its boxes on the stored image, with side, zone and size by the segmented lungs."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lucidray.domain.answer import NamedBox
from lucidray.domain.box import Box
from lucidray.domain.claim import ClaimLabel
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ReaderRegion
from lucidray.domain.vocabulary import Side, Zone
from lucidray.localization.sides import Thorax

# What can lie in front of the spine; other diseases of lung and pleura are on a side. A name that maps to nothing may
# be anything.
_ON_A_SIDE: frozenset[ClaimLabel] = frozenset(
    {
        "Atelectasis",
        "Effusion",
        "Infiltration",
        "Pneumonia",
        "Pneumothorax",
        "Consolidation",
        "Edema",
        "Emphysema",
        "Fibrosis",
        "Pleural Thickening",
    }
)


def place(
    boxes: Sequence[NamedBox], thorax: Thorax | None, film: Radiograph, label_of: Callable[[str], ClaimLabel | None]
) -> tuple[list[ReaderRegion], int]:
    """Put a reader's boxes onto the stored image.

    Parameters
    ----------
    boxes : sequence of NamedBox
        In pixels of `film.pixels`.
    thorax : Thorax or None
        Of the same film; without it a box has neither side nor zone.
    film : Radiograph
        As read, corrections applied.
    label_of : callable
        Which finding a name means; None where it means none, or several.

    Returns
    -------
    (regions, dropped)
        Regions ``reader-region-1`` and so on, and how many boxes lie outside the film or have no area.
    """
    bounds = Box(0.0, 0.0, float(film.width_px), float(film.height_px))
    found: list[ReaderRegion] = []
    for named in boxes:
        inside = named.box.clipped(bounds) if all(np.isfinite(named.box)) else None
        if inside is not None:
            name = f"reader-region-{len(found) + 1}"
            found.append(_region(name, named.name, label_of(named.name), inside, thorax, film))
    return found, len(boxes) - len(found)


def _region(
    name: str, called: str, label: ClaimLabel | None, box: Box, thorax: Thorax | None, film: Radiograph
) -> ReaderRegion:
    stored = film.to_stored(box)
    spacing = film.stored_spacing_mm
    midline = label not in _ON_A_SIDE
    side, zone, fraction = (None, None, None) if thorax is None else where(box, thorax, film, may_be_midline=midline)
    width, height = film.stored_size_px
    x0, y0, x1, y1 = (round(edge, 1) for edge in stored)
    return ReaderRegion(
        id=name,
        name=called,
        label=label,
        box_xyxy_px=(max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))),
        side=side,
        zone=zone,
        size_mm=None
        if spacing is None
        else (round(stored.width * spacing[1], 1), round(stored.height * spacing[0], 1)),
        size_fraction_thorax=fraction,
    )


def where(box: Box, thorax: Thorax, film: Radiograph, *, may_be_midline: bool) -> tuple[Side, Zone, float]:
    """Return side, zone and width, as a share of the thorax's, of a box in pixels of `film.pixels`."""
    rows, columns = thorax.shape
    on_grid = box.scaled(columns / film.width_px, rows / film.height_px)
    across, down = _covered(on_grid.x0, on_grid.x1, columns), _covered(on_grid.y0, on_grid.y1, rows)
    side = thorax.side(np.outer(down, across), may_be_midline=may_be_midline)
    zone = thorax.zone((on_grid.y0 + on_grid.y1) / 2, side)
    return side, zone, round(min(on_grid.width / thorax.width, 1.0), 3)


def _covered(start: float, end: float, count: int) -> npt.NDArray[np.float64]:
    """Return how much of each of `count` cells lies between two places; a box smaller than a cell still has weight."""
    edges = np.arange(count + 1, dtype=np.float64)
    covered: npt.NDArray[np.float64] = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0.0, None)
    return covered
