"""Where to cut a heatmap into regions, learnt from boxes on training films, and how far that holds on test films."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box
from lucidray.evaluation.regions import BoxedMap, Map, best_overlap, enlarged, points_into
from lucidray.evaluation.segmentation import share
from lucidray.training.films import OUTPUTS, Film

# RSNA's readers boxed opacities that suggest pneumonia; NIH's list says Infiltrate.
_OUTPUT_OF_BOX = {"Lung Opacity": "Pneumonia", "Infiltrate": "Infiltration"}
OVERLAPS = (0.1, 0.3)
_GRID = 56


@dataclass(frozen=True, eq=False)
class Boxed(BoxedMap):
    """A box with the map of its finding, enlarged, and where both come from."""

    output: int
    source: str
    split: str


def boxed_maps(
    data_dir: Path,
    films: list[Film],
    shapes: Sequence[tuple[int, int]],
    maps: Callable[[list[int]], npt.NDArray[np.float32]],
) -> list[Boxed]:
    """Pair each radiologist's box with the map of its finding.

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
    """
    row_of = {(film.source, film.path.name): row for row, film in enumerate(films)}
    found: list[tuple[int, int, Box, str]] = []
    for folder in ("nih", "nih_small"):
        for line in _boxes(data_dir / folder / "boxes.csv"):
            row = row_of.get((folder, line["image"]))
            if row is None:
                continue
            output = OUTPUTS.index(_OUTPUT_OF_BOX.get(line["label"], line["label"].replace("_", " ")))
            x, y, width, height = (float(line[key]) for key in ("x", "y", "width", "height"))
            side_y, side_x = shapes[row]
            box = Box(x / side_x, y / side_y, (x + width) / side_x, (y + height) / side_y)
            found.append((row, output, box, line["source"]))
    if not found:
        return []
    rows = sorted({row for row, *_ in found})
    place = {row: number for number, row in enumerate(rows)}
    values = maps(rows)
    return [
        Boxed(enlarged(values[place[row], output]), box, output, source, films[row].split)
        for row, output, box, source in found
    ]


def _boxes(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class MapScale:
    """Map values, in logit units, that stand for nothing and for the hottest place of films with the finding."""

    low: float
    high: float

    def at(self, part: float) -> float:
        """Map value at `part` of the way from low to high."""
        return self.low + part * (self.high - self.low)


def _of_scale(activation: Map, scale: MapScale, part: float) -> float:  # noqa: ARG001
    return scale.at(part)


def _of_film(activation: Map, scale: MapScale, part: float) -> float:  # noqa: ARG001
    middle = float(np.median(activation))
    return middle + part * (float(activation.max()) - middle)


def _of_rank(activation: Map, scale: MapScale, part: float) -> float:  # noqa: ARG001
    return float(np.quantile(activation, part))


def _of_logit(activation: Map, scale: MapScale, part: float) -> float:  # noqa: ARG001
    return part


CUTS: dict[str, tuple[Callable[[Map, MapScale, float], float], npt.NDArray[np.float64], str]] = {
    "share_of_scale": (
        _of_scale,
        np.arange(0.1, 0.96, 0.05),
        "low + x * (high - low), with the output's fixed map scale",
    ),
    "share_of_film": (_of_film, np.arange(0.1, 0.96, 0.05), "median + x * (maximum - median) of the film's map"),
    "quantile_of_film": (_of_rank, np.arange(0.5, 0.99, 0.03), "quantile x of the film's map"),
    "logit": (_of_logit, np.arange(-4.0, 3.1, 0.5), "map value x, in logit units, for all outputs"),
}


def choose_cut(boxed: list[Boxed], scales: list[MapScale]) -> dict[str, Any]:
    """Compare ways of cutting by the mean overlap of boxes and regions on training and validation films.

    Returns
    -------
    dict
        `kind`, `value` and `definition` of the cut that is used, and the best of each kind under `compared`. Used is a
        share of the fixed scale, which makes no region out of the hottest place of a film that has none.
    """
    learn = [one for one in boxed if one.split != "test"]
    compared = {}
    for kind, (cut, values, definition) in CUTS.items():
        overlaps = [
            np.mean(
                [best_overlap(one, cut(one.activation, scales[one.output], float(value))) for one in learn] or [0.0]
            )
            for value in values
        ]
        best = int(np.argmax(overlaps))
        compared[kind] = {
            "value": round(float(values[best]), 3),
            "mean_overlap": round(float(overlaps[best]), 4),
            "definition": definition,
        }
    used = compared["share_of_scale"]
    return {"kind": "share_of_scale", **used, "boxes": len(learn), "compared": compared}


def pointing_figures(boxed: list[Boxed], scales: list[MapScale], part: float) -> dict[str, Any]:
    """Hit rates on test boxes, beside those of a fixed answer that never saw the film.

    Returns
    -------
    dict
        For all boxes and for each source of boxes: rates with Wilson's interval. `..._usual_place` answers with the
        point that most boxes of the same finding on other films cover, and with the box that overlaps most with them.
    """
    test = [one for one in boxed if one.split == "test"]
    learn = [one for one in boxed if one.split != "test"]
    if not test or not learn:
        return {}
    usual = {output: _usual_place(output, learn) for output in {one.output for one in test}}
    groups = {"all": test, **{name: [b for b in test if b.source == name] for name in sorted({b.source for b in test})}}
    return {name: _group_figures(group, scales, part, usual) for name, group in groups.items()}


def _group_figures(
    group: list[Boxed], scales: list[MapScale], part: float, usual: dict[int, BoxedMap]
) -> dict[str, dict[str, float]]:
    figures = {
        "pointing_game": _rate([points_into(one) for one in group]),
        "pointing_game_usual_place": _rate(
            [points_into(BoxedMap(usual[one.output].activation, one.box)) for one in group]
        ),
    }
    for least in OVERLAPS:
        overlaps = [best_overlap(one, scales[one.output].at(part)) for one in group]
        figures[f"overlap_over_{least}"] = _rate([overlap > least for overlap in overlaps])
        fixed = [usual[one.output].box.iou(one.box) for one in group]
        figures[f"overlap_over_{least}_usual_place"] = _rate([overlap > least for overlap in fixed])
    return figures


def _usual_place(output: int, learn: list[Boxed]) -> BoxedMap:
    """How many boxes cover each place, and the box most like the others; of all findings where this one has no box."""
    boxes = [one.box for one in learn if one.output == output] or [one.box for one in learn]
    centres = (np.arange(_GRID) + 0.5) / _GRID
    covered = np.zeros((_GRID, _GRID), dtype=np.float32)
    for box in boxes:
        rows, columns = (centres >= box.y0) & (centres <= box.y1), (centres >= box.x0) & (centres <= box.x1)
        covered += rows[:, None] & columns
    typical = max(boxes, key=lambda box: sum(box.iou(other) for other in boxes))
    return BoxedMap(covered, typical)


def _rate(hits: list[bool]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in asdict(share(sum(hits), len(hits))).items()}
