"""How good probabilities are: ranking and calibration, with intervals over patients, whose films are alike."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from lucidray.evaluation.segmentation import Estimate

Truth = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.floating]
Patients = npt.NDArray[np.str_]
Rows = npt.NDArray[np.int64]

_ECE_BINS = 10


def auroc(truth: Truth, score: Scores) -> float:
    """Chance that a positive film scores higher than a negative one, ties counting half.

    Parameters
    ----------
    truth : (N,) bool
        Which films are positive.
    score : (N,) float
        Greater on films that look positive.

    Returns
    -------
    float in [0, 1]; NaN where a class is missing.

    References
    ----------
    Hanley and McNeil, Radiology 143 (1982) 29.
    """
    positive = int(truth.sum())
    negative = len(truth) - positive
    if positive == 0 or negative == 0:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def expected_calibration_error(truth: Truth, probability: Scores) -> float:
    """Mean distance of probability and frequency over ten groups of equally many films.

    Groups of equal size, because most probabilities of a rare finding fall into the first of ten equal intervals.

    Parameters
    ----------
    truth : (N,) bool
        Which films are positive.
    probability : (N,) float in [0, 1]
        Of being positive.

    Raises
    ------
    ValueError
        No films.

    References
    ----------
    Naeini et al., AAAI 2015; Nixon et al., CVPR workshops 2019 (groups of equal size)
    """
    if len(truth) == 0:
        raise ValueError("no films to measure calibration on")
    groups = np.array_split(np.argsort(probability, kind="stable"), min(_ECE_BINS, len(truth)))
    distances = [abs(float(probability[group].mean()) - float(truth[group].mean())) * len(group) for group in groups]
    return sum(distances) / len(truth)


def sensitivity_specificity(truth: Truth, called: Truth) -> tuple[float, float]:
    """Share of positive films that are called, and of negative films that are not; NaN where a class is missing.

    Parameters
    ----------
    truth : (N,) bool
        Which films are positive.
    called : (N,) bool
        Which films are said to be positive.
    """
    positive, negative = int(truth.sum()), int((~truth).sum())
    sensitivity = int((truth & called).sum()) / positive if positive else float("nan")
    return sensitivity, int((~truth & ~called).sum()) / negative if negative else float("nan")


def resample_patients(patients: Patients, times: int, seed: int) -> list[Rows]:
    """Draw patients with replacement, each with all of their films.

    Parameters
    ----------
    patients : (N,) str
        Whose film each row is.
    times : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    list of `times` arrays of rows, each near N long
    """
    _, place = np.unique(patients, return_inverse=True)
    order = np.argsort(place, kind="stable")
    films_of = np.split(order, np.cumsum(np.bincount(place))[:-1])
    rng = np.random.default_rng(seed)
    return [
        np.concatenate([films_of[patient] for patient in rng.integers(0, len(films_of), len(films_of))])
        for _ in range(times)
    ]


def patient_interval(
    statistic: Callable[[Truth, Scores], float],
    truth: Truth,
    score: Scores,
    patients: Patients,
    *,
    times: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Estimate a statistic with the 95 % percentile interval over resampled patients.

    Parameters
    ----------
    statistic : callable
        Takes `truth` and `score` of some films; draws for which it is NaN (a class is missing) are left out.
    truth : (N,) bool
        Which films are positive.
    score : (N,) float
        Of each film.
    patients : (N,) str
        Whose film each row is.
    times, seed : int
        Number of draws, and what decides them.

    Raises
    ------
    ValueError
        The statistic is NaN on the films themselves.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13
    """
    value = statistic(truth, score)
    if np.isnan(value):
        raise ValueError("the statistic has no value on these films")
    drawn = [statistic(truth[rows], score[rows]) for rows in resample_patients(patients, times, seed)]
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return Estimate(value, float(low), float(high), len(truth))


def auroc_within(groups: npt.NDArray[np.str_], truth: Truth, score: Scores) -> float:
    """AUROC over pairs of films of one group (a source, a view): what tells the groups apart earns nothing.

    Parameters
    ----------
    groups : (N,) str
        Of each film.
    truth : (N,) bool
        Which films are positive.
    score : (N,) float
        Of each film.

    Returns
    -------
    float in [0, 1]; NaN where no group has both classes.
    """
    total = pairs = 0.0
    for name in np.unique(groups):
        inside = groups == name
        positive = int(truth[inside].sum())
        weight = positive * (int(inside.sum()) - positive)
        if weight:
            total += weight * auroc(truth[inside], score[inside])
            pairs += weight
    return total / pairs if pairs else float("nan")
