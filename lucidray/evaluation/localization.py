"""`evaluate localization`: whether regions lie where people drew boxes, beside answers that never saw the film.

A drawn box is compared with what lucidray shows for its finding, whatever the finding's status on that film: up to
three regions, of which the one that fits best counts. The point of the pointing game is the hottest place of the
finding's map (for cardiomegaly the middle of the segmented heart, which is what is shown). Boxes named "lung opacity"
are compared with one map made of five findings': at each place the greatest value, each in units of its own cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box
from lucidray.domain.prediction import Heatmap
from lucidray.domain.vocabulary import Label
from lucidray.evaluation.predict import Seen
from lucidray.evaluation.regions import enlarged
from lucidray.evaluation.segmentation import share
from lucidray.localization.regions import locate
from lucidray.localization.sides import find_thorax

OPACITY = "Lung Opacity"
OPACITIES: tuple[Label, ...] = ("Infiltration", "Pneumonia", "Consolidation", "Atelectasis", "Edema")
IOU_OVER = (0.1, 0.3, 0.5)
IOBB_OVER = (0.1, 0.25, 0.3, 0.5, 0.75)
_HOTTEST = 1e-6  # map values this near to the maximum tie with it

Point = tuple[float, float]


@dataclass(frozen=True)
class DrawnBox:
    """A box that somebody drew, and where on the film, in shares of its width and height."""

    film: str
    label: str
    box: Box
    source: str


@dataclass(frozen=True)
class Answer:
    """What is shown for a finding on a film, in shares of width and height; `point` is None where nothing is hot."""

    point: Point | None
    boxes: tuple[Box, ...]


def answer(seen: Seen, label: str) -> Answer | None:
    """Return what lucidray shows for a finding, or for the five that an opacity may be; None where it has no map."""
    film, heatmaps = seen.film, seen.prediction.heatmaps
    thorax = find_thorax(seen.anatomy)
    if label == OPACITY:
        maps = [heatmaps[one] for one in OPACITIES if one in heatmaps]
        if not maps:
            return None
        finding, heatmap = OPACITIES[0], _united(maps)
    else:
        named = [one for one in heatmaps if one == label]
        if not named:
            return None
        finding, heatmap = named[0], heatmaps[named[0]]
    width, height = film.stored_size_px
    boxes = tuple(
        Box(*region.box_xyxy_px).scaled(1 / width, 1 / height) for region in locate(finding, heatmap, thorax, film)
    )
    heart = _middle(boxes[0]) if boxes else None
    return Answer(heart if finding == "Cardiomegaly" else hottest(heatmap.values), boxes)


def _united(maps: Sequence[Heatmap]) -> Heatmap:
    """Greatest value at each place, each map in units of its own cut; half of the scale is the cut."""
    values = np.max([one.values / max(one.cut, 1e-6) for one in maps], axis=0)
    return Heatmap(np.clip(values / 2, 0, 1).astype(np.float32), 0.5)


def hottest(values: npt.NDArray[np.float32]) -> Point | None:
    """Hottest place of a map, interpolated, in shares; of places that tie, the one nearest to their middle."""
    fine = enlarged(values)
    peak = float(fine.max())
    if peak <= 0:
        return None
    rows, columns = np.nonzero(fine >= peak - _HOTTEST)
    nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    return (float(columns[nearest]) + 0.5) / fine.shape[1], (float(rows[nearest]) + 0.5) / fine.shape[0]


def _middle(box: Box) -> Point:
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def hits(drawn: Box, given: Answer) -> dict[str, bool]:
    """Return what a film's answer gets right of one drawn box.

    `pointing`; `iou_over_…`, of the region that fits best; `iobb_over_…`, the share of that region inside the drawn box
    (intersection over the detected box, Wang et al., CVPR 2017).
    """
    point = given.point
    iou = max((drawn.iou(box) for box in given.boxes), default=0.0)
    iobb = max((drawn.intersection(box) / box.area for box in given.boxes if box.area > 0), default=0.0)
    return {
        "pointing": point is not None and drawn.x0 <= point[0] <= drawn.x1 and drawn.y0 <= point[1] <= drawn.y1,
        **{f"iou_over_{least}": iou > least for least in IOU_OVER},
        **{f"iobb_over_{least}": iobb > least for least in IOBB_OVER},
    }


def random_rates(drawn: Box, sizes: Sequence[Box], rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Return how often a box put anywhere on the film hits, its size that of a box of the finding on another film."""
    total: dict[str, float] = {}
    for _ in range(draws):
        size = sizes[int(rng.integers(len(sizes)))]
        x, y = rng.uniform(0, max(1 - size.width, 0)), rng.uniform(0, max(1 - size.height, 0))
        box = Box(x, y, x + size.width, y + size.height)
        for name, hit in hits(drawn, Answer(_middle(box), (box,))).items():
            total[name] = total.get(name, 0.0) + hit / draws
    return total


def usual_answer(others: Sequence[Box], grid: int = 56) -> Answer:
    """Answer with the place that most other boxes cover, and with the box that overlaps most with all of them."""
    centres = (np.arange(grid) + 0.5) / grid
    covered = np.zeros((grid, grid), dtype=np.float32)
    for box in others:
        rows, columns = (centres >= box.y0) & (centres <= box.y1), (centres >= box.x0) & (centres <= box.x1)
        covered += rows[:, None] & columns
    rows_, columns_ = np.nonzero(covered == covered.max())
    nearest = int(np.argmin((rows_ - rows_.mean()) ** 2 + (columns_ - columns_.mean()) ** 2))
    typical = max(others, key=lambda box: sum(box.iou(other) for other in others))
    return Answer((float(centres[columns_[nearest]]), float(centres[rows_[nearest]])), (typical,))


def evaluate(
    drawn: Sequence[DrawnBox],
    answers: dict[tuple[str, str], Answer],
    references: Sequence[DrawnBox] | None = None,
    *,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare drawn boxes with the answers for their films, per finding and for all boxes.

    Parameters
    ----------
    drawn : sequence of DrawnBox
    answers : dict
        By film and label; a box without one is left out and counted.
    references : sequence of DrawnBox, optional
        Boxes that the baselines learn sizes and usual places from; by default the drawn ones. A film never serves for
        itself.
    draws, seed : int
        Random boxes for each drawn box, and what decides them.

    Returns
    -------
    dict
        `all` and each label: `n` boxes on `n_films`; for each measure `value`, `low`, `high` (95 %, films resampled),
        `n` (boxes; of `pointing` films with a finding), `random_box`, `usual_place`; `not_scored`: boxes of findings
        for which there is no map.
    """
    references = drawn if references is None else references
    rng = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in drawn:
        given = answers.get((one.film, one.label))
        if given is None:
            continue
        others = _others(one, references)
        if not others:
            continue
        rows.setdefault(one.label, []).append(
            {
                "film": one.film,
                "label": one.label,
                "given": hits(one.box, given),
                "random_box": random_rates(one.box, others, rng, draws),
                "usual_place": hits(one.box, usual_answer(others)),
            }
        )
    groups = {"all boxes": [row for label_rows in rows.values() for row in label_rows], **dict(sorted(rows.items()))}
    scored = {(one.film, one.label) for one in drawn} & set(answers)
    left = [one.label for one in drawn if (one.film, one.label) not in scored]
    return {
        "groups": {name: _rates(group) for name, group in groups.items() if group},
        "not_scored": {label: left.count(label) for label in sorted(set(left))},
        "random_draws": draws,
    }


def _others(one: DrawnBox, references: Sequence[DrawnBox]) -> list[Box]:
    """Boxes of the same finding on other films; of all findings where it has none there."""
    away = [other for other in references if other.film != one.film]
    return [other.box for other in away if other.label == one.label] or [other.box for other in away]


def _asked_once(group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make one row a film and finding: there is one point, and it hits where it lies in any of the boxes.

    References
    ----------
    Zhang et al., International Journal of Computer Vision 126 (2018) 1084
    """
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for row in group:
        point = {key: float(row[key]["pointing"]) for key in ("given", "random_box", "usual_place")}
        before = merged.get((row["film"], row["label"]))
        if before is not None:
            # Boxes of one finding hardly overlap: a random point's chances add up.
            point = {key: min(1.0, before[key]["pointing"] + value) for key, value in point.items()}
        merged[row["film"], row["label"]] = {
            "film": row["film"],
            **{key: {"pointing": value} for key, value in point.items()},
        }
    return list(merged.values())


def _rates(group: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(group), "n_films": len({row["film"] for row in group})}
    for name in group[0]["given"]:
        found[name] = _rate(_asked_once(group) if name == "pointing" else group, name)
    return found


def _rate(group: list[dict[str, Any]], name: str) -> dict[str, Any]:
    films = np.array([row["film"] for row in group])
    _, place = np.unique(films, return_inverse=True)
    count = int(place.max()) + 1
    # Boxes on one film are found or missed together, so films are resampled, all with the same draws.
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=1000)[:, place]
    values = np.array([row["given"][name] for row in group], dtype=np.float64)
    resampled = (drawn * values).sum(axis=1) / np.maximum(drawn.sum(axis=1), 1)
    low, high = np.percentile(resampled, (2.5, 97.5))
    low, high = _widened(values, count, float(low), float(high))
    return {
        "value": round(float(values.mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(group),
        "random_box": round(float(np.mean([row["random_box"][name] for row in group])), 4),
        "usual_place": round(float(np.mean([row["usual_place"][name] for row in group])), 4),
    }


def _widened(values: npt.NDArray[np.float64], films: int, low: float, high: float) -> tuple[float, float]:
    """Resampling says nothing where all boxes are hit, or none: Wilson's interval over the films does."""
    if 0 < values.mean() < 1:
        return low, high
    wilson = share(films if values.all() else 0, films)
    return wilson.low, wilson.high
