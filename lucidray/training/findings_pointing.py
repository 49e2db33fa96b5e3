"""Where to cut a heatmap into regions, learnt from boxes on training films, and how far that holds on test films.

Maps are compared on their fixed scale: 0 where nothing speaks for a finding, 1 where films with it are at their
hottest. A box of RSNA's readers stands for the shadow that five labels share, so it is held against the union of their
maps. The pointing game counts films (one place is asked for), overlaps count boxes.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box
from lucidray.evaluation.regions import Map, enlarged, holds, hottest, regions
from lucidray.evaluation.segmentation import share
from lucidray.training.films import OUTPUTS, Film
from lucidray.training.places import film_boxes

OVERLAPS = (0.1, 0.3, 0.5)
_GRID = 56
_RANDOM_BOXES = 200  # drawn for each box of the random baseline


@dataclass(frozen=True)
class MapScale:
    """Map values, in logit units, that stand for nothing and for the hottest place of films with the finding."""

    low: float
    high: float

    def at(self, part: float) -> float:
        """Map value at `part` of the way from low to high."""
        return self.low + part * (self.high - self.low)


@dataclass(frozen=True, eq=False)
class Boxed:
    """A radiologist's box, in shares of the film, and the maps of its findings on their scales, (K, h, w)."""

    box: Box
    maps: npt.NDArray[np.float32]
    row: int
    said: str
    source: str
    split: str

    @property
    def union(self) -> Map:
        """The strongest of the maps at every place."""
        return np.asarray(self.maps.max(axis=0), dtype=np.float32)

    def best_overlap(self, cut: float, part: float) -> float:
        """Greatest intersection over union with a region of any map; see `region_cut`."""
        found = (region for one in self.maps for region in regions(one, region_cut(one, cut, part)))
        return max((self.box.iou(region) for region in found), default=0.0)


def region_cut(scaled: Map, cut: float, part: float) -> float:
    """Where a map on its fixed scale is cut: at `cut`, or at `part` of its own peak where that is higher.

    The first keeps films without the finding free of regions, the second keeps regions of strong films from growing.
    """
    return max(cut, part * float(scaled.max()))


def boxed_maps(
    data_dir: Path,
    films: list[Film],
    shapes: Sequence[tuple[int, int]],
    maps: Callable[[list[int]], npt.NDArray[np.float32]],
    scales: Sequence[MapScale],
) -> list[Boxed]:
    """Pair each radiologist's box with the maps of its findings.

    Parameters
    ----------
    data_dir : Path
        Holds `nih/boxes.csv` and `nih_small/boxes.csv`; boxes are in pixels of the folder's images.
    films : list of Film
        The films of the run.
    shapes : sequence of (height, width)
        Of each film, in the pixels that the boxes are in.
    maps : callable
        Given rows of `films`, returns their maps, (N, 16, h, w).
    scales : sequence of MapScale
        One an output.
    """
    boxes = film_boxes(data_dir, films, shapes)
    if not boxes:
        return []
    rows = sorted({one.row for one in boxes})
    place = {row: number for number, row in enumerate(rows)}
    values = maps(rows)

    def scaled(row: int, output: int) -> Map:
        low, high = scales[output].low, scales[output].high
        return enlarged((values[place[row], output] - low) / (high - low))

    return [
        Boxed(
            one.box,
            np.stack([scaled(one.row, OUTPUTS.index(label)) for label in one.labels]),
            one.row,
            one.said,
            one.source,
            films[one.row].split,
        )
        for one in boxes
    ]


def choose_cut(boxed: list[Boxed]) -> dict[str, Any]:
    """Choose the cut by the mean overlap of boxes and regions on training and validation films.

    Validation boxes count as much as training boxes together, for the network has learnt from the latter.

    Returns
    -------
    dict
        `value` and `part_of_peak` of `region_cut`, the overlap that they reach, and the table of all that were tried.
    """
    learn = {split: [one for one in boxed if one.split == split] for split in ("train", "validation")}
    groups = [group for group in learn.values() if group]
    tried = []
    for cut in np.arange(0.1, 0.76, 0.05):
        for part in np.arange(0.3, 0.86, 0.05):
            means = [np.mean([one.best_overlap(float(cut), float(part)) for one in group]) for group in groups]
            overlap = float(np.mean(means)) if means else 0.0
            tried.append((round(float(cut), 2), round(float(part), 2), round(overlap, 4)))
    best_cut, best_part, best_overlap = max(tried, key=lambda row: (row[2], row[0]))
    definition = "the larger of x on the output's fixed scale and y of the film's own peak"
    return {
        "definition": definition,
        "value": best_cut,
        "part_of_peak": best_part,
        "mean_overlap": best_overlap,
        "boxes": sum(map(len, groups)),
        "compared": [list(row) for row in tried],
    }


def pointing_figures(boxed: list[Boxed], cut: float, part: float) -> dict[str, Any]:
    """Hit rates on test boxes, beside those of answers that never saw the film.

    Returns
    -------
    dict
        For all boxes and for each kind: rates with Wilson's interval. `..._usual_place` answers with the point that
        most boxes of the kind on other films cover, and with the box that overlaps most with them; `..._random` is the
        mean over boxes of the same sizes thrown anywhere on the film.
    """
    test = [one for one in boxed if one.split == "test"]
    learn = [one for one in boxed if one.split != "test"]
    if not test or not learn:
        return {}
    groups = {"all": test}
    for one in test:
        groups.setdefault(f"{one.source}: {one.said}", []).append(one)
    usual = {one.said: _usual_place(one.said, learn) for one in test}
    groups = {name: group for name, group in groups.items() if len(group) >= 5}
    return {name: _group_figures(group, cut, part, usual, learn) for name, group in groups.items()}


def _group_figures(
    group: list[Boxed], cut: float, part: float, usual: dict[str, tuple[tuple[float, float], Box]], learn: list[Boxed]
) -> dict[str, Any]:
    thrown = _thrown(learn)
    of_film: dict[tuple[int, str, str], list[Boxed]] = {}
    for one in group:
        of_film.setdefault((one.row, one.source, one.said), []).append(one)
    films = list(of_film.values())
    figures: dict[str, Any] = {
        "pointing_game": _rate([_any_holds(boxes, hottest(boxes[0].union)) for boxes in films]),
        "pointing_game_usual_place": _rate([_any_holds(boxes, usual[boxes[0].said][0]) for boxes in films]),
        "pointing_game_random": round(float(np.mean([sum(one.box.area for one in boxes) for boxes in films])), 4),
    }
    for least in OVERLAPS:
        figures[f"overlap_over_{least}"] = _rate([one.best_overlap(cut, part) > least for one in group])
        figures[f"overlap_over_{least}_usual_place"] = _rate([usual[one.said][1].iou(one.box) > least for one in group])
        hits = [np.mean([box.iou(one.box) > least for box in thrown]) for one in group]
        figures[f"overlap_over_{least}_random"] = round(float(np.mean(hits)), 4)
    return figures


def _any_holds(boxes: list[Boxed], point: tuple[float, float]) -> bool:
    return any(holds(one.box, point) for one in boxes)


def _thrown(learn: list[Boxed]) -> list[Box]:
    rng = np.random.default_rng(0)
    boxes = []
    for place in rng.integers(0, len(learn), _RANDOM_BOXES):
        size = learn[int(place)].box
        x0, y0 = rng.uniform(0, 1 - size.width), rng.uniform(0, 1 - size.height)
        boxes.append(Box(x0, y0, x0 + size.width, y0 + size.height))
    return boxes


def _usual_place(said: str, learn: list[Boxed]) -> tuple[tuple[float, float], Box]:
    """Where most boxes of a kind lie, and the box most like the others; of all kinds where this one has no box."""
    boxes = [one.box for one in learn if one.said == said] or [one.box for one in learn]
    centres = (np.arange(_GRID) + 0.5) / _GRID
    covered = np.zeros((_GRID, _GRID), dtype=np.float32)
    for box in boxes:
        rows, columns = (centres >= box.y0) & (centres <= box.y1), (centres >= box.x0) & (centres <= box.x1)
        covered += rows[:, None] & columns
    typical = max(boxes, key=lambda box: sum(box.iou(other) for other in boxes))
    return hottest(covered), typical


def _rate(hits: list[bool]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in asdict(share(sum(hits), len(hits))).items()}
