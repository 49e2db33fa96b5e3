"""How well a detector's boxes fit drawn ones: average precision, with intervals over patients and controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box
from lucidray.evaluation.localization import IOU_OVER, usual_answer
from lucidray.evaluation.measures import resample_patients

_RESAMPLES = 300
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScoredBox:
    """A box that a detector drew, in shares of the film's width and height."""

    label: str
    box: Box
    score: float


@dataclass(frozen=True)
class BoxedFilm:
    """One film: whose it is, what was drawn on it, and what the detector drew."""

    patient: str
    drawn: tuple[tuple[str, Box], ...]
    found: tuple[ScoredBox, ...]


def matches(drawn: Sequence[Box], found: Sequence[ScoredBox], least: float) -> list[tuple[float, bool]]:
    """Match one film's boxes of one finding: the best score first, each drawn box once.

    Parameters
    ----------
    drawn : sequence of Box
    found : sequence of ScoredBox
    least : float in (0, 1)
        A box counts as found where IoU is greater.

    Returns
    -------
    list of (score, hit)
        One a found box.
    """
    taken: set[int] = set()
    result = []
    for one in sorted(found, key=lambda each: -each.score):
        open_ = [(one.box.iou(box), place) for place, box in enumerate(drawn) if place not in taken]
        iou, place = max(open_, default=(0.0, -1))
        hit = iou > least
        if hit:
            taken.add(place)
        result.append((one.score, hit))
    return result


def average_precision(scores: Floats, hits: npt.NDArray[np.bool_], drawn: int) -> float:
    """Area under precision over recall, precision made monotone; NaN where nothing was drawn.

    Parameters
    ----------
    scores : (n,) float
        Of all found boxes.
    hits : (n,) bool
        Which of them hit a drawn box.
    drawn : int
        Boxes that there were to find.

    References
    ----------
    Everingham et al., The PASCAL VOC challenge, development kit of 2010, section 3.4.1
    """
    if drawn == 0:
        return float("nan")
    if len(scores) == 0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(hits[order])
    # Boxes of one score stand or fall together: no order among them is better than another.
    last = np.append(np.diff(scores[order]) != 0, True)
    found, count = found[last], (np.arange(len(order)) + 1)[last]
    precision = np.maximum.accumulate((found / count)[::-1])[::-1]
    recall = np.concatenate([[0.0], found / drawn])
    return float((np.diff(recall) * precision).sum())


def mean_precision(films: Sequence[BoxedFilm], labels: Sequence[str], *, resamples: int = _RESAMPLES) -> dict[str, Any]:
    """Average precision of each finding and their mean, at IoU over 0.1, 0.3 and 0.5.

    Parameters
    ----------
    films : sequence of BoxedFilm
        With boxes or without: what is drawn on a film without findings is wrong.
    labels : sequence of str
        Findings; one without drawn boxes on these films has no figure and is not in the mean.

    Returns
    -------
    dict
        `findings` by name and `mean`: for each IoU `value`, `low`, `high` (95 %, patients resampled); `n` boxes.
    """
    patients = np.array([film.patient for film in films], dtype=np.str_)
    draws = resample_patients(patients, resamples, 0)
    counts = {
        label: np.array([sum(name == label for name, _ in film.drawn) for film in films], dtype=np.int64)
        for label in labels
    }
    measured = [label for label in labels if counts[label].sum() > 0]
    found: dict[str, Any] = {
        "findings": {label: {"n": int(counts[label].sum())} for label in labels},
        "mean": {"n": int(sum(counts[label].sum() for label in measured)), "findings": measured},
        "n_films": len(films),
        "n_patients": len(np.unique(patients)),
    }
    for least in IOU_OVER:
        per_film = {label: [_of_film(film, label, least) for film in films] for label in measured}
        everything = np.arange(len(films))
        point = {label: _precision(per_film[label], counts[label], everything) for label in measured}
        drawn = {label: [_precision(per_film[label], counts[label], rows) for rows in draws] for label in measured}
        key = f"ap_over_{least}"
        for label in measured:
            found["findings"][label][key] = _figure(point[label], drawn[label])
        if measured:
            table = np.array([drawn[label] for label in measured])
            with np.errstate(invalid="ignore"):
                known = ~np.isnan(table)
                means = np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            found["mean"][key] = _figure(float(np.mean(list(point.values()))), means.tolist())
    return found


def controls(
    films: Sequence[BoxedFilm], references: Sequence[tuple[str, Box]], *, seed: int = 0
) -> dict[str, list[BoxedFilm]]:
    """Return what is drawn without a look: as many boxes as the detector's anywhere, or one at the usual place.

    Parameters
    ----------
    films : sequence of BoxedFilm
    references : sequence of (label, Box)
        Training boxes: sizes and usual places are theirs.
    """
    rng = np.random.default_rng(seed)
    labels = sorted({label for label, _ in references})
    sizes = {label: [box for name, box in references if name == label] for label in labels}
    usual = {label: usual_answer(boxes).boxes[0] for label, boxes in sizes.items()}
    share = {label: len(boxes) / len(references) for label, boxes in sizes.items()}
    everywhere, same = [], []
    for film in films:
        anywhere = []
        for one in film.found:
            size = sizes[one.label][int(rng.integers(len(sizes[one.label])))]
            x, y = rng.uniform(0, max(1 - size.width, 0)), rng.uniform(0, max(1 - size.height, 0))
            box = Box(x, y, x + size.width, y + size.height)
            anywhere.append(ScoredBox(one.label, box, float(rng.random())))
        everywhere.append(BoxedFilm(film.patient, film.drawn, tuple(anywhere)))
        at_place = tuple(ScoredBox(label, usual[label], share[label]) for label in labels)
        same.append(BoxedFilm(film.patient, film.drawn, at_place))
    return {"random_box": everywhere, "usual_place": same}


def best_cut(films: Sequence[BoxedFilm], label: str, least: float = IOU_OVER[1]) -> float | None:
    """Score of the greatest F1 of boxes at one IoU; None where nothing was drawn, or nothing drawn is found."""
    drawn = sum(name == label for film in films for name, _ in film.drawn)
    pairs = [pair for film in films for pair in _of_film(film, label, least)]
    if not drawn or not any(hit for _, hit in pairs):
        return None
    scores, hits = np.array([score for score, _ in pairs]), np.array([hit for _, hit in pairs])
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(hits[order])
    f1 = 2 * found / (np.arange(len(order)) + 1 + drawn)
    return float(scores[order][int(np.argmax(f1))])


def _of_film(film: BoxedFilm, label: str, least: float) -> list[tuple[float, bool]]:
    return matches(
        [box for name, box in film.drawn if name == label], [one for one in film.found if one.label == label], least
    )


def _precision(
    per_film: Sequence[list[tuple[float, bool]]], counts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> float:
    pairs = [pair for row in rows for pair in per_film[row]]
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    hits = np.array([hit for _, hit in pairs], dtype=np.bool_)
    return average_precision(scores, hits, int(counts[rows].sum()))


def _figure(value: float, drawn: Sequence[float]) -> dict[str, float | None]:
    known = [one for one in drawn if not np.isnan(one)]
    low, high = np.percentile(known, (2.5, 97.5)) if known else (float("nan"), float("nan"))
    ends = (None, None) if not known else (round(float(low), 4), round(float(high), 4))
    return {"value": round(value, 4), "low": ends[0], "high": ends[1]}
