"""Who was right: several readers on the same films, each with its interval, and every two of them held together."""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from lucidray.domain.vocabulary import LABELS, Label
from lucidray.evaluation.draws import Draws, Figure, Measured, Sums, divided, ratio
from lucidray.evaluation.said import Said, Uncertain, calls, known
from lucidray.evaluation.segmentation import share

Verdict = Literal["found", "missed", "denied", "unsure", "false alarm", "rightly denied", "rightly silent", "no answer"]
"""What became of a finding of a film. Right are the first, the two `rightly`, and `unsure` where nothing is there."""
ANY = "any of them"
ALL = "all of them right"
Cells = npt.NDArray[np.bool_]


class Accuracy(BaseModel):
    """How often a reader was right on one question; `n` counts the films whose truth is known."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    accuracy: Figure
    right: int
    sensitivity: float | None
    specificity: float | None


class PairTest(BaseModel):
    """Two readers on one question.

    `p_value` is McNemar's, exact and two-sided, over films on which one of them alone was right; films of one patient
    are alike, so with several films a patient it is too small (`films_of_patients`). `kappa` is Cohen's, of
    their calls.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    question: str
    first: str
    second: str
    n: int
    both_right: int
    only_first_right: int
    only_second_right: int
    both_wrong: int
    p_value: float
    films_of_patients: bool
    agreement: float | None
    kappa: Figure | None


class Opinions:
    """The calls of several readers on the same films.

    Parameters
    ----------
    truth : sequence of Said
        One a film.
    said : mapping
        What each reader says of each film; None where it gave no answer, which is never right.
    patients : sequence of str
        Whose film each is.
    findings : sequence of Label
        What is asked.
    uncertain : {"absent", "present", "ignore"}
    resamples, seed : int
        For intervals where patients have several films; otherwise intervals are Wilson's.
    """

    def __init__(
        self,
        truth: Sequence[Said],
        said: Mapping[str, Sequence[Said | None]],
        patients: Sequence[str],
        findings: Sequence[Label],
        uncertain: Uncertain = "absent",
        resamples: int = 1000,
        seed: int = 0,
    ) -> None:
        columns = [LABELS.index(label) for label in findings]
        self.findings = list(findings)
        self._truth = calls(truth, uncertain)[:, columns]
        self._known = known(truth, uncertain)[:, columns]
        nothing = Said({}, text="")
        self._called = {
            name: calls([one or nothing for one in answers], uncertain)[:, columns] for name, answers in said.items()
        }
        self._answered = {
            name: np.array([one is not None for one in answers], dtype=np.bool_) for name, answers in said.items()
        }
        self._alone = len(set(patients)) == len(patients)
        self._draws = Draws(patients, resamples, seed)

    @property
    def questions(self) -> list[str]:
        """The findings; with several of them also whether any is there, and whether all were right."""
        return [*self.findings, *([ANY, ALL] if len(self.findings) > 1 else [])]

    def right(self, reader: str, question: str) -> tuple[Cells, Cells]:
        """Return (N,) where the reader was right, and (N,) where the truth is known."""
        truth, called, counted = self._asked(reader, question)
        return (truth == called) & counted & self._answered[reader], counted

    def accuracy(self, reader: str, question: str) -> Accuracy | None:
        """Measure one reader on one question; None where no film has a truth."""
        truth, _, counted = self._asked(reader, question)
        right, _ = self.right(reader, question)
        if not counted.any():
            return None
        there, gone = truth & counted, ~truth & counted
        return Accuracy(
            accuracy=self._share(right, counted),
            right=int(right.sum()),
            # "All of them right" has no positive side.
            sensitivity=None if question == ALL or not there.any() else float((right & there).sum() / there.sum()),
            specificity=None if question == ALL or not gone.any() else float((right & gone).sum() / gone.sum()),
        )

    def pair(self, first: str, second: str, question: str) -> PairTest | None:
        """Hold two readers together on one question; None where no film has a truth."""
        mine, counted = self.right(first, question)
        theirs, _ = self.right(second, question)
        if not counted.any():
            return None
        only_first, only_second = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
        agreement, kappa = self._agreement(first, second, question)
        return PairTest(
            question=question,
            first=first,
            second=second,
            n=int(counted.sum()),
            both_right=int((mine & theirs).sum()),
            only_first_right=only_first,
            only_second_right=only_second,
            both_wrong=int((counted & ~mine & ~theirs).sum()),
            p_value=mcnemar(only_first, only_second),
            films_of_patients=not self._alone,
            agreement=agreement,
            kappa=kappa,
        )

    def _asked(self, reader: str, question: str) -> tuple[Cells, Cells, Cells]:
        """Return (N,) truth, calls, and where the truth is known."""
        truth: Cells
        called: Cells
        counted: Cells
        truth, called, counted = (
            self._truth & self._known,
            self._called[reader] & self._known,
            np.any(self._known, axis=1),
        )
        if question == ANY:
            return np.any(truth, axis=1), np.any(called, axis=1), counted
        if question == ALL:
            return counted, np.all(truth == called, axis=1) & counted, counted
        column = self.findings.index(question)  # type: ignore[arg-type]
        return truth[:, column], called[:, column], self._known[:, column]

    def _share(self, right: Cells, counted: Cells) -> Figure:
        n = int(counted.sum())
        if self._alone:
            found = share(int(right.sum()), n)
            return Figure(value=found.value, low=found.low, high=found.high, n=n)
        measured = self._draws.measure(np.stack([right, counted], axis=-1), ratio, n)
        assert measured is not None  # noqa: S101 - some film is counted
        return measured.figure

    def _agreement(self, first: str, second: str, question: str) -> tuple[float | None, Figure | None]:
        """Compare calls on films that both answered."""
        if question == ALL:
            return None, None
        _, a, counted = self._asked(first, question)
        _, b, _ = self._asked(second, question)
        both = counted & self._answered[first] & self._answered[second]
        if not both.any():
            return None, None
        cells = np.stack([a & b & both, a & ~b & both, ~a & b & both, ~a & ~b & both], axis=-1)
        measured: Measured | None = self._draws.measure(cells, cohen_kappa, int(both.sum()))
        return float((a == b)[both].mean()), None if measured is None else measured.figure


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    Parameters
    ----------
    only_first, only_second : int
        Films on which one of the two alone was right.

    Returns
    -------
    float in (0, 1]; 1 where there is no such film.

    References
    ----------
    McNemar, Psychometrika 12 (1947) 153; exact: binomial with one half.
    """
    n = only_first + only_second
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / (1 << n)))


def cohen_kappa(sums: Sums) -> Sums:
    """Return agreement beyond chance; NaN where chance alone agrees always (both call the same on every film).

    Parameters
    ----------
    sums : (..., 4) float
        Films that both call, the first alone, the second alone, neither.

    References
    ----------
    Cohen, Educational and Psychological Measurement 20 (1960) 37.
    """
    both, first, second, neither = (sums[..., column] for column in range(4))
    n = sums.sum(axis=-1)
    observed = divided(both + neither, n)
    expected = divided((both + first) * (both + second) + (neither + first) * (neither + second), n**2)
    # The room that chance leaves, up to rounding.
    room = np.where(1 - expected > 1e-12, 1 - expected, 0)
    return divided(observed - expected, room)


def verdict(truth: Said, said: Said | None, label: Label, uncertain: Uncertain) -> Verdict | None:
    """Judge one finding of one film; None where its truth is not known."""
    if label not in truth.assessed or (uncertain == "ignore" and truth.polarity.get(label) == "uncertain"):
        return None
    if said is None:
        return "no answer"
    positive = {"present", "uncertain"} if uncertain == "present" else {"present"}
    there, polarity = truth.polarity.get(label) in positive, said.polarity.get(label)
    if polarity in positive:
        return "found" if there else "false alarm"
    if polarity == "uncertain":
        return "unsure"
    if there:
        return "denied" if polarity == "absent" else "missed"
    return "rightly denied" if polarity == "absent" else "rightly silent"
