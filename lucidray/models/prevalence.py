"""A classifier whose probabilities are moved to prevalences that somebody states: a wrapper around any classifier."""

from collections.abc import Mapping
from dataclasses import replace
from math import exp, log, log1p

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.prediction import Prediction, Score
from lucidray.domain.protocols import Classifier
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.domain.vocabulary import LABELS, Label

OVERALL = "Any abnormality"
_DIGITS = 5


class WithPrevalence:
    """`Classifier` whose probabilities are moved to prevalences that somebody states.

    Only the prior moves: p / (1 - p) is multiplied by the ratio of the odds of both prevalences. Interval and threshold
    move alike, so that which films are called does not change; what changes is what the number means.

    References
    ----------
    Saerens, Latinne and Decaestecker, Neural Computation 14 (2002) 21
    """

    def __init__(self, classifier: Classifier, prevalences: Mapping[str, float]) -> None:
        self._classifier, self._prevalences = classifier, dict(prevalences)

    @property
    def used(self) -> ModelUsed:
        """The classifier's."""
        return self._classifier.used

    @property
    def note(self) -> str | None:
        """What to know of the classifier inside before reading; None where there is nothing."""
        note: str | None = getattr(self._classifier, "note", None)
        return note

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings; those that no prevalence was stated for stay as they are."""
        prediction = self._classifier.predict(film)
        scores: dict[Label, Score] = {
            label: at_prevalence(score, self._prevalences[label]) if label in self._prevalences else score
            for label, score in prediction.scores.items()
        }
        overall = prediction.overall
        if OVERALL in self._prevalences:
            overall = at_prevalence(overall, self._prevalences[OVERALL])
        return Prediction(scores, overall, prediction.heatmaps, prediction.small_films)


def at_prevalence(score: Score, wanted: float) -> Score:
    """Move a score to another prevalence, in (0, 1); one without a probability stays as it is.

    Raises
    ------
    ModelError
        The model does not tell the prevalence that its probability holds at.
    """
    if score.probability is None:
        return score
    if score.prevalence is None or not 0 < score.prevalence < 1:
        raise ModelError("a prevalence can be stated only for a model that tells the one its probabilities hold at")
    shift = _log_odds(wanted) - _log_odds(score.prevalence)

    def moved(p: float) -> float:
        if p == score.prevalence:
            return wanted  # to the last digit: below it or not is what a status turns on
        return p if p in (0.0, 1.0) else 1.0 / (1.0 + exp(-(_log_odds(p) + shift)))

    interval = None
    if score.interval is not None:
        interval = (round(moved(score.interval[0]), _DIGITS), round(moved(score.interval[1]), _DIGITS))
    # The threshold keeps all its digits: rounding must not change which films are called.
    return replace(
        score,
        probability=moved(score.probability),
        interval=interval and (min(interval[0], moved(score.probability)), max(interval[1], moved(score.probability))),
        threshold=None if score.threshold is None else moved(score.threshold),
        prevalence=wanted,
        prevalence_given=True,
    )


def parse_prevalences(text: str) -> dict[str, float]:
    """Read `Pneumonia=0.01, Effusion=0.05`.

    Raises
    ------
    UsageError
        A name is no finding, is named twice, or a value is no share between 0 and 1.
    """
    names = {_folded(label): label for label in (*LABELS, OVERALL)}
    found: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = part.partition("=")
        label = names.get(_folded(name))
        if label is None:
            raise UsageError(
                f"prevalence {part!r}: {name.strip()!r} is no finding; known are {', '.join(names.values())}"
            )
        try:
            share = float(value)
        except ValueError:
            share = float("nan")
        if not 0 < share < 1:
            raise UsageError(f"prevalence {part!r}: write a share between 0 and 1, as in {label}=0.01")
        if label in found:
            raise UsageError(f"prevalence of {label} is stated twice")
        found[label] = share
    return found


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


def _log_odds(p: float) -> float:
    return log(p) - log1p(-p)
