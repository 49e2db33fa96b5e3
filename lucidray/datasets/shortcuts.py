"""What a model could answer without looking: from the view of a film, or from its size alone.

Sick people are filmed lying, and collections are put together from folders of different sizes. Where such a fact alone
ranks the films, a model can learn it instead of the disease.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lucidray.datasets.manifest import ManifestFilm
from lucidray.evaluation.label_files.table import TARGETS

TELLING = 0.70
MIN_FILMS = 20


class Shortcut(NamedTuple):
    """A finding, the fact that tells it, and the AUROC of that fact alone (0.5 tells nothing)."""

    finding: str
    fact: str
    auroc: float
    n_positive: int
    n_negative: int


def shortcuts(films: Sequence[ManifestFilm]) -> Iterator[Shortcut]:
    """Return the facts that rank the films of a finding, strongest first."""
    facts = {
        "view": [None if film.view == "unknown" else float(film.view != "PA") for film in films],
        "size of the film": [
            None if film.size_px is None else float(film.size_px[0] * film.size_px[1]) for film in films
        ],
        "age": [film.age_years for film in films],
        "source": _by_source(films),
    }
    found = []
    for target in TARGETS:
        for fact, values in facts.items():
            pairs = [
                (value, film.truth[target] == "positive")
                for value, film in zip(values, films, strict=True)
                if value is not None and film.truth.get(target) in ("positive", "negative")
            ]
            positive = np.array([value for value, is_there in pairs if is_there])
            negative = np.array([value for value, is_there in pairs if not is_there])
            if min(len(positive), len(negative)) < MIN_FILMS:
                continue
            area = auroc(positive, negative)
            if max(area, 1 - area) >= TELLING:
                found.append(Shortcut(target, fact, round(max(area, 1 - area), 3), len(positive), len(negative)))
    yield from sorted(found, key=lambda one: -one.auroc)


def auroc(positive: npt.NDArray[np.float64], negative: npt.NDArray[np.float64]) -> float:
    """Return the share of pairs in which the positive film has the larger value; ties count half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, side="left")
    not_above = np.searchsorted(order, positive, side="right")
    return float((below + not_above).sum() / 2 / (len(positive) * len(negative)))


def _by_source(films: Sequence[ManifestFilm]) -> list[float | None]:
    """Two sources have an order; of more, each would need its own question, and of one there is none."""
    names = sorted({film.source for film in films})
    return [float(names.index(film.source)) if len(names) == 2 else None for film in films]
