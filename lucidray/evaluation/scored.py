"""Films that were assessed, as arrays: what is true, what was said, and everything that figures are told apart by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lucidray.evaluation.collection import Film
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY, TARGETS
from lucidray.evaluation.predict import Said

Rule = Literal["leave-out", "negative", "positive"]
AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 80), (80, 200))
_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Target:
    """The films on which something is known of one finding, and on which the model scored it.

    Attributes
    ----------
    name : str
    rows : (n,) int
        Places in `Scored.films`.
    truth : (n,) bool
    score : (n,) float64
        What ranks the films: the probability, or the model's own score where no probability is given.
    probability : (n,) float64 or None
        None where the model gives none.
    threshold : float or None
        On the probability; None where there is none, or where films have different ones.
    uncertain, unsaid, unscored : int
        Assessed films left out: labelled uncertain, not spoken of, not scored.
    """

    name: str
    rows: npt.NDArray[np.int64]
    truth: npt.NDArray[np.bool_]
    score: npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64] | None
    threshold: npt.NDArray[np.float64] | None
    uncertain: int
    unsaid: int
    unscored: int

    @property
    def positives(self) -> int:
        """How many films have it."""
        return int(self.truth.sum())


class Scored:
    """The assessed films of an evaluation.

    Parameters
    ----------
    films : sequence of Film
    said : mapping
        By the films' keys; films that were not assessed are counted and left out.
    uncertain, unsaid : {"leave-out", "negative", "positive"}
        What an uncertain label, or none at all, counts as.
    """

    def __init__(
        self,
        films: Sequence[Film],
        said: Mapping[str, Said],
        *,
        uncertain: Rule = "leave-out",
        unsaid: Rule = "leave-out",
    ) -> None:
        self.uncertain, self.unsaid = uncertain, unsaid
        self.outcomes = Counter(said[film.key].outcome for film in films if film.key in said)
        self.not_assessed = [
            (film, said[film.key]) for film in films if film.key in said and said[film.key].outcome != "assessed"
        ]
        self.films = [film for film in films if film.key in said and said[film.key].outcome == "assessed"]
        self.said = [said[film.key] for film in self.films]
        self.patients = np.array([film.patient for film in self.films], dtype=np.str_)
        self.source = np.array([film.label.source or "" for film in self.films], dtype=np.str_)
        self.view = np.array([film.label.view for film in self.films], dtype=np.str_)
        self.sex = np.array([film.label.sex or "unknown" for film in self.films], dtype=np.str_)
        self.age = np.array([_band(film.label.age_years) for film in self.films], dtype=np.str_)

    @property
    def patients_known(self) -> bool:
        """Whether the label files tell whose films they are."""
        return any(film.label.patient for film in self.films)

    def groups(self) -> dict[str, npt.NDArray[np.str_]]:
        """Return what figures are told apart by, and each film's group."""
        return {"sex": self.sex, "age": self.age, "view": self.view, "source": self.source}

    def target(self, name: str) -> Target | None:
        """Gather one finding; None where no film has both a label and a score of it."""
        states = [self._state(film.label.truth.get(name)) for film in self.films]
        raw = [one.raw.get(name, one.probability.get(name)) for one in self.said]
        given = [one.probability.get(name) for one in self.said]
        labelled = [place for place, state in enumerate(states) if isinstance(state, bool)]
        supported = [place for place in labelled if given[place] is not None]
        # Where a part of the films has probabilities (adults, say), the others are left out and counted.
        rows = supported or [place for place in labelled if raw[place] is not None]
        if not rows:
            return None
        probability = np.array([given[row] for row in rows], dtype=np.float64) if supported else None
        cuts = np.array([self.said[row].threshold.get(name, _NAN) for row in rows], dtype=np.float64)
        return Target(
            name=name,
            rows=np.array(rows, dtype=np.int64),
            truth=np.array([states[row] for row in rows], dtype=np.bool_),
            score=np.array([raw[row] for row in rows], dtype=np.float64) if probability is None else probability,
            probability=probability,
            threshold=None if probability is None or np.isnan(cuts).any() else cuts,
            uncertain=states.count("uncertain"),
            unsaid=states.count("unsaid"),
            unscored=len(labelled) - len(rows),
        )

    def targets(self) -> dict[str, Target]:
        """All findings that can be measured, in their order."""
        found = {name: self.target(name) for name in TARGETS}
        return {name: target for name, target in found.items() if target is not None}

    def _state(self, truth: str | None) -> bool | str:
        if truth in ("positive", "negative"):
            return truth == "positive"
        rule, kind = (self.unsaid, "unsaid") if truth is None else (self.uncertain, "uncertain")
        return kind if rule == "leave-out" else rule == "positive"


def _band(age_years: float | None) -> str:
    if age_years is None:
        return "unknown"
    low, high = next(band for band in AGE_BANDS if band[0] <= age_years < band[1])
    return f"under {high}" if low == 0 else f"{low} and over" if high == AGE_BANDS[-1][1] else f"{low} to {high - 1}"


def counted_findings(targets: Mapping[str, Target]) -> list[str]:
    """Names of the fourteen that can be measured; "Any abnormality" is none of them."""
    return [name for name in targets if name != ANY_ABNORMALITY]
