"""Who was right: every opinion on the misread films, on the matched sample and on all films, against the baseline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from lucidray.domain.vocabulary import Label
from lucidray.evaluation.draws import Figure
from lucidray.evaluation.said import Said as SaidOfFilm
from lucidray.evaluation.second_opinion import Opinions, PairTest
from lucidray.evaluation.segmentation import share
from lucidray.study.verdict import SAID, Said, right

MISREAD, MATCHED, EVERY = "misread", "matched sample", "all films"
BASELINE = "baseline"
Cells = npt.NDArray[np.bool_]


class Part(BaseModel):
    """Parts of the result are closed: a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Score(Part):
    """One opinion on one group of films.

    `accuracy` counts everything that is no right decision as wrong; `decided` is the accuracy over films that it
    decided. `said` counts answers by truth ("present", "absent"). Rates have Wilson's interval; `estimated` is set
    where a sample was asked: then the figure is weighted to all films, its interval from the bootstrap within strata.
    """

    n: int
    right: int
    accuracy: Figure
    estimated: bool = False
    sensitivity: Figure | None
    specificity: Figure | None
    decided: Figure | None
    said: dict[str, dict[str, int]]
    shuffled: float


class Against(Part):
    """One opinion held against the baseline on all films; `p_holm` is corrected for the number of opinions."""

    difference: Figure
    test: PairTest | None
    p_holm: float | None = None


class Control(Part):
    """An answer that never saw the film: how often it is right on each group."""

    name: str
    accuracy: dict[str, float]


@dataclass(frozen=True, eq=False)
class Groups:
    """Which films are which.

    Attributes
    ----------
    truth, called : (N,) bool
        Of all test films: what they are, and what the baseline called.
    misread, matched : (n,) int
        Places among them.
    """

    truth: Cells
    called: Cells
    misread: npt.NDArray[np.int64]
    matched: npt.NDArray[np.int64]

    @classmethod
    def draw(cls, truth: Cells, called: Cells, ratio: float, seed: int) -> "Groups":
        """Take every misread film, and of those read right `ratio` times as many of each class, by lot.

        A class in which nothing was misread has no sample; where too few films were read right, all of them are taken.
        """
        wrong = truth != called
        rng = np.random.default_rng(seed)
        drawn = []
        for kind in (False, True):
            pool = np.flatnonzero(~wrong & (truth == kind))
            wanted = math.ceil(ratio * int((wrong & (truth == kind)).sum()))
            drawn.append(rng.permutation(pool)[:wanted])
        return cls(truth, called, np.flatnonzero(wrong), np.sort(np.concatenate(drawn)))

    @property
    def sampled(self) -> npt.NDArray[np.int64]:
        """The misread films and the matched sample."""
        return np.sort(np.concatenate([self.misread, self.matched]))

    def of(self, place: int) -> list[str]:
        """Name the groups of a film."""
        named = ((MISREAD, self.misread), (MATCHED, self.matched))
        return [*(name for name, places in named if place in places), EVERY]


def score(said: Mapping[int, Said], groups: Groups, group: str, resamples: int, seed: int) -> Score | None:
    """Measure one opinion on one group; None where the group has no films, or not all classes of it were asked."""
    places = {MISREAD: groups.misread, MATCHED: groups.matched, EVERY: np.arange(len(groups.truth))}[group]
    asked = np.array([place for place in places if int(place) in said], dtype=np.int64)
    if not len(asked):
        return None
    truth = groups.truth[asked]
    hits = _right(said, groups, asked)
    counts = {
        name: {word: sum(said[int(p)] == word for p in asked[truth == kind]) for word in SAID}
        for name, kind in (("present", True), ("absent", False))
    }
    decided = sum(counts[kind][word] for kind in counts for word in ("present", "absent"))
    accuracy = _rate(int(hits.sum()), len(asked))
    estimated = group == EVERY and len(asked) < len(places)
    if estimated:
        weighted = _weighted(said, groups, resamples, seed)
        if weighted is None:
            return None
        accuracy = weighted[0]
    called = sum(counts[kind]["present"] for kind in counts) / len(asked)
    denied = sum(counts[kind]["absent"] for kind in counts) / len(asked)
    return Score(
        n=len(asked),
        right=int(hits.sum()),
        accuracy=accuracy,
        estimated=estimated,
        # Of a sample that was drawn by who was right, these would be of no films that there are.
        sensitivity=None if estimated else _part(hits, truth),
        specificity=None if estimated else _part(hits, ~truth),
        decided=None if estimated or not decided else _rate(int(hits.sum()), decided),
        said=counts,
        shuffled=called * float(truth.mean()) + denied * float((~truth).mean()),
    )


def against(said: Mapping[int, Said], groups: Groups, finding: Label, resamples: int, seed: int) -> Against | None:
    """Hold an opinion against the baseline: on all films where all were asked, else weighted to them."""
    n = len(groups.truth)
    if all(place in said for place in range(n)):
        mine = _right(said, groups, np.arange(n)).astype(np.float64)
        first = (groups.truth == groups.called).astype(np.float64)
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, n, (resamples, n))
        low, high = np.percentile((mine - first)[drawn].mean(axis=1), (2.5, 97.5))
        difference = Figure(value=float((mine - first).mean()), low=float(low), high=float(high), n=n)
        return Against(difference=difference, test=pair(_called(groups), said, groups, finding, resamples, seed))
    weighted = _weighted(said, groups, resamples, seed)
    return None if weighted is None else Against(difference=weighted[1], test=None)


def pair(
    first: Mapping[int, Said],
    second: Mapping[int, Said],
    groups: Groups,
    finding: Label,
    resamples: int,
    seed: int,
    names: tuple[str, str] = (BASELINE, "opinion"),
) -> PairTest | None:
    """McNemar's exact test and Cohen's kappa of two opinions, over the films that both were asked about."""
    both = sorted(first.keys() & second.keys())
    if not both:
        return None
    truth = [_said(finding, "present" if groups.truth[place] else "absent") for place in both]
    opinions = Opinions(
        [one for one in truth if one is not None],
        {name: [_said(finding, said[p]) for p in both] for name, said in zip(names, (first, second), strict=True)},
        [str(place) for place in both],
        [finding],
        resamples=resamples,
        seed=seed,
    )
    return opinions.pair(*names, finding)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, step by step from the smallest (Holm, Scand J Stat 6 (1979) 65)."""
    order = np.argsort(p_values, kind="stable")
    corrected = [0.0] * len(p_values)
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[int(place)]))
        corrected[int(place)] = running
    return corrected


def controls(groups: Groups) -> list[Control]:
    """Return how often answers that never saw the film are right: they show what each group flatters."""
    wrong = groups.truth != groups.called
    answers = {
        "always present": groups.truth,
        "always absent": ~groups.truth,
        "always the opposite of the baseline": wrong,
        "baseline": ~wrong,
    }
    places = {MISREAD: groups.misread, MATCHED: groups.matched, EVERY: np.arange(len(wrong))}
    return [
        Control(name=name, accuracy={group: float(hit[at].mean()) for group, at in places.items() if len(at)})
        for name, hit in answers.items()
    ]


def _called(groups: Groups) -> dict[int, Said]:
    return {place: "present" if call else "absent" for place, call in enumerate(groups.called.tolist())}


def _right(said: Mapping[int, Said], groups: Groups, places: npt.NDArray[np.int64]) -> Cells:
    return np.array([right(said[int(p)], truth=bool(groups.truth[p])) for p in places], dtype=np.bool_)


def _said(finding: Label, said: Said) -> SaidOfFilm | None:
    """Bring an answer into the form of the measures; what is no decision is no answer, which is never right."""
    return SaidOfFilm({finding: said}) if said in ("present", "absent") else None


def _weighted(said: Mapping[int, Said], groups: Groups, resamples: int, seed: int) -> tuple[Figure, Figure] | None:
    """Weight a sample to all films: accuracy, and its difference from the baseline's.

    Strata are the class, and whether the baseline was right; within each the asked films stand for all. None where a
    stratum has films and none of them was asked.
    """
    rng = np.random.default_rng(seed)
    wrong = groups.truth != groups.called
    value, drawn, asked = 0.0, np.zeros(resamples), 0
    for kind in (False, True):
        for missed in (False, True):
            there = np.flatnonzero((groups.truth == kind) & (wrong == missed))
            known = np.array([place for place in there if int(place) in said], dtype=np.int64)
            if len(there) and not len(known):
                return None
            if not len(there):
                continue
            hits = _right(said, groups, known).astype(np.float64)
            weight = len(there) / len(wrong)
            value += weight * float(hits.mean())
            # Films that were all asked are drawn again too: they stand for films of the same kind.
            drawn += weight * hits[rng.integers(0, len(hits), (resamples, len(hits)))].mean(axis=1)
            asked += len(known)
    low, high = (float(end) for end in np.percentile(drawn, (2.5, 97.5)))
    first = float((~wrong).mean())
    return (
        Figure(value=value, low=low, high=high, n=asked),
        Figure(value=value - first, low=low - first, high=high - first, n=asked),
    )


def _part(hits: Cells, kind: Cells) -> Figure | None:
    return _rate(int(hits[kind].sum()), int(kind.sum())) if kind.any() else None


def _rate(hits: int, n: int) -> Figure:
    found = share(hits, n)
    return Figure(value=found.value, low=found.low, high=found.high, n=n)
