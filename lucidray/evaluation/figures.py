"""The figures of one finding, computed by scikit-learn, each with its interval over resampled patients and counts."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.evaluation.measures import (
    Patients,
    Rows,
    Scores,
    Truth,
    auroc,
    expected_calibration_error,
    resample_patients,
    sensitivity_specificity,
)
from lucidray.evaluation.scored import Target

MIN_CLASS = 5  # films of either class below which no figure is given
LEVEL = 0.90
Figure = dict[str, float | int]


def measure(
    truth: Truth, score: Scores, probability: Scores | None, threshold: npt.NDArray[np.float64] | None
) -> dict[str, float]:
    """Compute every figure once, on films that have both classes.

    Parameters
    ----------
    truth : (n,) bool
    score : (n,) float
        Ranks the films.
    probability : (n,) float in [0, 1] or None
        Without it nothing is said of calibration or of F1.
    threshold : (n,) float or None
        The model's own cut for each film.

    Returns
    -------
    dict
        `auroc`, `auprc`, `sensitivity_at_90_specificity`, `specificity_at_90_sensitivity`; `f1_best` (the greatest that
        any cut reaches on these very films), `ece`, `brier`; `f1`, `sensitivity`, `specificity` at the own threshold.
    """
    from sklearn import metrics  # noqa: PLC0415

    fpr, tpr, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    found = {
        "auroc": float(metrics.auc(fpr, tpr)),
        "auprc": float(metrics.average_precision_score(truth, score)),
        # Cuts between two films are not interpolated: these rates can be had with a threshold.
        "sensitivity_at_90_specificity": float(tpr[fpr <= 1 - LEVEL + 1e-12].max()),
        "specificity_at_90_sensitivity": float(1 - fpr[tpr >= LEVEL - 1e-12].min()),
    }
    if probability is None:
        return found
    precision, recall, _ = metrics.precision_recall_curve(truth, probability)
    total = precision + recall
    found["f1_best"] = float((2 * precision * recall / np.where(total > 0, total, 1)).max())
    found["ece"] = expected_calibration_error(truth, probability)
    found["brier"] = float(metrics.brier_score_loss(truth, probability))
    if threshold is not None:
        called = probability >= threshold
        found["f1"] = float(metrics.f1_score(truth, called, zero_division=0))
        found["sensitivity"], found["specificity"] = sensitivity_specificity(truth, called)
    return found


def best_threshold(truth: Truth, probability: Scores) -> float:
    """Cut of the greatest F1 on these films."""
    from sklearn import metrics  # noqa: PLC0415

    precision, recall, cuts = metrics.precision_recall_curve(truth, probability)
    total = precision + recall
    f1 = 2 * precision * recall / np.where(total > 0, total, 1)
    return float(cuts[min(int(np.argmax(f1)), len(cuts) - 1)])


def enough(truth: Truth) -> bool:
    """Whether both classes have as many films as a figure needs."""
    return min(int(truth.sum()), int((~truth).sum())) >= MIN_CLASS


def target_figures(target: Target, patients: Patients, draws: list[Rows]) -> dict[str, Figure] | None:
    """All figures of a finding with 95 % percentile intervals; None where a class has too few films.

    Parameters
    ----------
    target : Target
    patients : (n,) str
        Whose film each of the target's is.
    draws : list of arrays
        Rows of the target's films, one array a resample of patients.
    """
    if not enough(target.truth):
        return None
    point = measure(target.truth, target.score, target.probability, target.threshold)
    drawn: dict[str, list[float]] = {name: [] for name in point}
    for rows in draws:
        truth = target.truth[rows]
        if truth.all() or not truth.any():
            continue
        probability = None if target.probability is None else target.probability[rows]
        threshold = None if target.threshold is None else target.threshold[rows]
        for name, value in measure(truth, target.score[rows], probability, threshold).items():
            drawn[name].append(value)
    counts = {"n": len(target.truth), "n_positive": target.positives, "n_patients": len(np.unique(patients))}
    return {name: _figure(value, drawn[name], counts, biased=name == "ece") for name, value in point.items()}


def ranking(truth: Truth, score: Scores, patients: Patients, times: int) -> Figure | None:
    """AUROC alone, with its interval; None where a class has too few films."""
    if not enough(truth):
        return None
    drawn = [auroc(truth[rows], score[rows]) for rows in resample_patients(patients, times, 0)]
    counts = {"n": len(truth), "n_positive": int(truth.sum()), "n_patients": len(np.unique(patients))}
    return _figure(auroc(truth, score), drawn, counts)


def _figure(value: float, drawn: list[float], counts: dict[str, int], *, biased: bool = False) -> Figure:
    ends: Any = np.nanpercentile(drawn, (2.5, 97.5))
    if biased:
        # A resample repeats films, which makes every group's frequency rougher: the error of resamples is greater than
        # that of the films by a bias that is none of its uncertainty.
        ends = np.maximum(ends - (float(np.nanmedian(drawn)) - value), 0.0)
    return {"value": rounded(value), "low": rounded(float(ends[0])), "high": rounded(float(ends[1])), **counts}


def rounded(value: float) -> float:
    """Four digits: more than any interval here is worth."""
    return round(value, 4)
