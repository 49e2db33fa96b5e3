"""What the findings network is worth on held-out patients, each figure with its interval and its count.

Figures compare films of one folder only: a positive film is ranked against the negative films of its own folder, since
the folders differ in resolution and in how often a finding occurs, and neither is skill.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.evaluation.measures import (
    Scores,
    Truth,
    auroc,
    auroc_within,
    expected_calibration_error,
    patient_interval,
    resample_patients,
    sensitivity_specificity,
)
from lucidray.training.films import OUTPUTS, Film

Figure = dict[str, float] | None

MIN_POSITIVES = 5  # below this no figure is given
FLOOR_POSITIVES = {"nih": 10, "nih_small": 8}  # positives that a finding needs to enter a folder's mean
_RESAMPLES = 500


class HeldOut:
    """Logits of the films of one split, with everything they are compared with.

    Parameters
    ----------
    films : list of Film
        The films of the split.
    known : (N, 16) bool
        Which outputs anybody read on a film.
    logits : (N, 16) float32
    """

    def __init__(self, films: list[Film], known: npt.NDArray[np.bool_], logits: npt.NDArray[np.float32]) -> None:
        self.known, self.logits = known, logits.astype(np.float64)
        self.truth = np.array([film.targets for film in films]).reshape(-1, len(OUTPUTS)) > 0
        self.source = np.array([film.source for film in films])
        self.patient = np.array([film.patient for film in films])
        self.view = np.array([film.view for film in films])

    def rows(self, output: int, *, source: str | None = None, view: str | None = None) -> npt.NDArray[np.int64]:
        """Films on which `output` is known, of one folder or view where named."""
        chosen = self.known[:, output].copy()
        if source is not None:
            chosen &= self.source == source
        if view is not None:
            chosen &= self.view == view
        return np.flatnonzero(chosen)


def output_figures(
    held_out: HeldOut, output: int, probability: npt.NDArray[np.float64], threshold: float
) -> dict[str, Any]:
    """All figures of one output; a figure is None where fewer than five films are positive or negative.

    Parameters
    ----------
    held_out : HeldOut
        Test films.
    output : int
        Place of the output.
    probability : (N,) float64
        Calibrated, for all films of `held_out`.
    threshold : float
        On the probability.
    """
    rows = held_out.rows(output)
    truth = held_out.truth[rows, output]
    logit, patient = held_out.logits[rows, output], held_out.patient[rows]
    shuffled = logit[np.random.default_rng(output).permutation(len(rows))]
    called = probability[rows] >= threshold
    sensitivity, specificity = sensitivity_specificity(truth, called)
    return {
        "n": len(rows),
        "n_positive": int(truth.sum()),
        "auroc": _ranking(held_out, output, rows, logit),
        "auroc_by_folder": {
            source: _ranking(held_out, output, inside, held_out.logits[inside, output])
            for source in ("nih", "nih_small", "paediatric")
            if len(inside := held_out.rows(output, source=source))
        },
        "auroc_by_view": {
            view: _ranking(held_out, output, inside, held_out.logits[inside, output])
            for view in ("PA", "AP")
            if len(inside := held_out.rows(output, view=view))
        },
        "auroc_across_folders": _figure(auroc, truth, logit, patient),
        "control_view_alone": _ranking(held_out, output, rows, (held_out.view[rows] == "AP").astype(np.float64)),
        "control_shuffled_films": _ranking(held_out, output, rows, shuffled),
        "ece": _figure(expected_calibration_error, truth, probability[rows], patient),
        "sensitivity": _finite(sensitivity),
        "specificity": _finite(specificity),
    }


def _ranking(held_out: HeldOut, output: int, rows: npt.NDArray[np.int64], score: Scores) -> Figure:
    truth, source = held_out.truth[rows, output], held_out.source[rows]
    places = np.arange(len(rows), dtype=np.float64)

    def within(drawn_truth: Truth, drawn: Scores) -> float:
        place = drawn.astype(np.int64)
        return auroc_within(source[place], drawn_truth, score[place])

    return _figure(within, truth, places, held_out.patient[rows])


def _figure(
    statistic: Callable[[Truth, Scores], float], truth: Truth, score: Scores, patient: npt.NDArray[np.str_]
) -> Figure:
    if min(int(truth.sum()), int((~truth).sum())) < MIN_POSITIVES or np.isnan(statistic(truth, score)):
        return None
    estimate = patient_interval(statistic, truth, score, patient, times=_RESAMPLES)
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {key: round(value, 4) for key, value in ends.items()} | {"n": len(truth), "n_positive": int(truth.sum())}


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


def folder_means(held_out: HeldOut) -> dict[str, Any]:
    """Mean AUROC over the findings with enough positives, within each NIH folder, with controls.

    Returns
    -------
    dict
        For each folder: `findings`, `n` films, `value`, `low`, `high`, and the same mean for the view alone.
    """
    means = {}
    for source, least in FLOOR_POSITIVES.items():
        rows = np.flatnonzero(held_out.source == source)
        truth, logits, patient = held_out.truth[rows], held_out.logits[rows], held_out.patient[rows]
        chosen = [output for output in range(14) if truth[:, output].sum() >= least]
        if not chosen:
            continue

        def mean(
            place: npt.NDArray[np.int64], score: npt.NDArray[np.float64], chosen: list[int], truth: Truth
        ) -> float:
            return float(np.nanmean([auroc(truth[place, output], score[place, output]) for output in chosen]))

        everything = np.arange(len(rows))
        drawn = [mean(place, logits, chosen, truth) for place in resample_patients(patient, _RESAMPLES, 0)]
        low, high = np.percentile(drawn, (2.5, 97.5))
        view = np.repeat((held_out.view[rows] == "AP").astype(np.float64)[:, None], len(OUTPUTS), axis=1)
        shuffled = logits[np.random.default_rng(0).permutation(len(rows))]
        means[source] = {
            "findings": [OUTPUTS[output] for output in chosen],
            "n": len(rows),
            "patients": len(np.unique(patient)),
            "value": round(mean(everything, logits, chosen, truth), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
            "control_view_alone": round(mean(everything, view, chosen, truth), 4),
            "control_shuffled_films": round(mean(everything, shuffled, chosen, truth), 4),
            "control_always_normal": 0.5,
        }
    return means
