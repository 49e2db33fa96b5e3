"""From logits to probabilities that mean what they say: Platt scaling, its uncertainty, and where to cut.

A network trained with softened targets and weighted classes gives logits that rank well and lie about how sure they
are. Two numbers for each output mend that. Where positives are few, the slope is drawn towards the one that all outputs
share: the pull is that of a normal prior around it, so that it fades as positives are added.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from lucidray.evaluation.measures import Patients, Scores, Truth, resample_patients

SLOPE_SPREAD = 0.25  # standard deviation of the prior on a slope, relative to the shared slope
COMMON = 0.2  # share of films from which a finding is called as often as it is there
_INTERCEPT_RIDGE = 1e-4  # keeps the intercept finite where a resample has one class only
_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Platt:
    """Probability = sigmoid(a * logit + b).

    References
    ----------
    Platt, Advances in Large Margin Classifiers (1999)
    """

    a: float
    b: float

    def probability(self, logit: Scores) -> npt.NDArray[np.float64]:
        """Calibrated probability of (N,) logits."""
        return _sigmoid(self.a * np.asarray(logit, dtype=np.float64) + self.b)

    def at_prevalence(self, fitted: float, wanted: float) -> Self:
        """Move from the prevalence of the sample that was fitted to another one, both in (0, 1).

        References
        ----------
        Saerens, Latinne and Decaestecker, Neural Computation 14 (2002) 21
        """
        return type(self)(self.a, self.b + _log_odds(wanted) - _log_odds(fitted))


def fit_platt(logit: Scores, truth: Truth, *, shared_slope: float) -> Platt:
    """Fit one output, its slope drawn towards `shared_slope`.

    Parameters
    ----------
    logit : (N,) float
        Answers of the network.
    truth : (N,) bool
        Whether the finding is there.
    shared_slope : float > 0
        Mean of the normal prior on the slope; its standard deviation is a quarter of it.

    Raises
    ------
    ValueError
        No films, or `shared_slope` is not positive.
    """
    if len(truth) == 0 or shared_slope <= 0:
        raise ValueError("calibration needs films and a positive shared slope")
    # Platt's targets keep the fit finite where a logit separates the classes.
    positive = int(truth.sum())
    high, low = (positive + 1) / (positive + 2), 1 / (len(truth) - positive + 2)
    target = np.where(truth, high, low)
    design = np.stack([np.asarray(logit, dtype=np.float64), np.ones(len(truth))], axis=1)
    precision = np.diag([1 / (SLOPE_SPREAD * shared_slope) ** 2, _INTERCEPT_RIDGE])
    centre = np.array([shared_slope, 0.0])
    fitted = _newton(design, target, precision, centre)
    return Platt(float(fitted[0]), float(fitted[1]))


def shared_slope(logits: list[Scores], truths: list[Truth]) -> float:
    """Fit one slope for several outputs, each with an intercept of its own.

    Parameters
    ----------
    logits, truths : lists of (N_k,) arrays
        One pair for each output.

    Raises
    ------
    ValueError
        No outputs.
    """
    if not logits:
        raise ValueError("a shared slope needs at least one output")
    count = len(logits)
    design = np.concatenate(
        [np.column_stack([logit, np.tile(np.eye(count)[place], (len(logit), 1))]) for place, logit in enumerate(logits)]
    ).astype(np.float64)
    target = np.concatenate(truths).astype(np.float64)
    precision = np.diag([_INTERCEPT_RIDGE] * (count + 1))
    fitted = _newton(design, target, precision, np.array([1.0] + [0.0] * count))
    # Outputs that rank no better than chance must not turn probabilities round.
    return max(float(fitted[0]), 0.05)


def resampled_platt(
    logit: Scores, truth: Truth, patients: Patients, *, shared_slope: float, times: int = 200, seed: int = 0
) -> list[Platt]:
    """Fit again on resampled patients: how far other patients would have moved the calibration.

    Parameters
    ----------
    logit, truth : (N,) float, (N,) bool
        As for `fit_platt`.
    patients : (N,) str
        Whose film each row is.
    shared_slope : float
        As for `fit_platt`.
    times : int
        Number of resamples.
    seed : int
        The same seed gives the same resamples.

    Returns
    -------
    list of `times` fits
    """
    return [
        fit_platt(logit[rows], truth[rows], shared_slope=shared_slope)
        for rows in resample_patients(patients, times, seed)
    ]


def counting_threshold(probability: Scores, prevalence: float) -> float:
    """Cut that calls a known share of films: twice as many as have the finding, or as many where it is common.

    Youden's cut weighs classes and not films: for a finding that one film in thirty has, it calls ten films for each
    that has it. The cut of the greatest F1 rests on a handful of positive films, or on the calibration's far tail. A
    count rests on neither. A rare finding is called twice as often as it is there,
    because a film looked at in vain costs less than a finding missed.

    Parameters
    ----------
    probability : (N,) float in [0, 1]
        Of films like those that will be read.
    prevalence : float in (0, 1)
        Share of them that have the finding.

    Returns
    -------
    float
        Halfway between the lowest probability that is called and the next one below it: rounding must not decide.

    Raises
    ------
    ValueError
        No films.
    """
    if len(probability) == 0:
        raise ValueError("a threshold needs films")
    share = 2 * prevalence if prevalence < COMMON else prevalence
    descending = np.sort(np.asarray(probability, dtype=np.float64))[::-1]
    last = max(round(share * len(descending)), 1) - 1
    return float(descending[last] if last + 1 >= len(descending) else (descending[last] + descending[last + 1]) / 2)


def _newton(
    design: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
    precision: npt.NDArray[np.float64],
    centre: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Minimise cross-entropy plus half the quadratic prior; strictly convex, so halved Newton steps always arrive."""

    def cost(weights: npt.NDArray[np.float64]) -> float:
        score = design @ weights
        away = weights - centre
        return float(np.logaddexp(0.0, score).sum() - target @ score + 0.5 * away @ precision @ away)

    weights = centre.copy()
    now = cost(weights)
    for _ in range(_NEWTON_STEPS):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (p - target) + precision @ (weights - centre)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + precision
        step = np.linalg.solve(curvature, gradient)
        share = 1.0
        while cost(weights - share * step) > now and share > 1e-6:
            share /= 2
        weights = weights - share * step
        before, now = now, cost(weights)
        if before - now < 1e-10:
            break
    return weights


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _log_odds(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))
