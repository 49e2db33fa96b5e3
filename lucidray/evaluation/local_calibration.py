"""Calibration and thresholds of one's own films: what `lucidray calibrate` writes and `models/recalibrated.py` reads.

Platt scaling is two numbers and needs few films. Isotonic regression takes any shape, and with few positives takes that
of the noise: it is used only from a thousand films with a hundred of each class on, and only where held-out patients
say that it predicts better by more than its standard error (Niculescu-Mizil and Caruana, ICML 2005).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import UsageError
from lucidray.domain.radiograph import ADULT_AGE_YEARS
from lucidray.evaluation.calibration import counting_threshold, fit_platt, resampled_platt, shared_slope
from lucidray.evaluation.collection import Film
from lucidray.evaluation.figures import best_threshold, ranking
from lucidray.evaluation.label_files.table import TARGETS, canonical
from lucidray.evaluation.measures import expected_calibration_error, resample_patients, sensitivity_specificity
from lucidray.evaluation.predict import Said
from lucidray.models.recalibrated import Population

MIN_POSITIVES = 25
MIN_AUROC = 0.6
ISOTONIC_FILMS, ISOTONIC_CLASS = 1000, 100
_FOLDS, _FITS, _DRAWS = 5, 200, 500
_ISOTONIC_FITS = 100
_KNOTS = 40
_EDGE = 1e-5  # thresholds stay inside (0, 1)

Measure = Literal["sensitivity", "specificity", "f1", "youden"]
_GREATEST = {"f1": "F1", "youden": "Youden index"}
_Array = npt.NDArray[np.float64]
_Apply = Callable[[_Array], _Array]  # raw scores to probabilities


@dataclass(frozen=True)
class Aim:
    """What a threshold has to reach: a sensitivity or a specificity, or the greatest F1 or Youden index there is."""

    measure: Measure
    value: float = 1.0

    @property
    def told(self) -> str:
        """The aim in words."""
        if self.measure in _GREATEST:
            return f"the greatest {_GREATEST[self.measure]} on these films"
        return f"{self.measure} at least {self.value:g}"


def parse_aims(texts: Sequence[str]) -> dict[str, Aim]:
    """Read `Pneumonia:sensitivity=0.9`.

    Raises
    ------
    UsageError
        It is not written so, or names something that is not known, or the same finding twice.
    """
    aims: dict[str, Aim] = {}
    for text in texts:
        name, _, rest = text.partition(":")
        measure, _, number = rest.partition("=")
        target = canonical(name)
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if target is None or measure not in ("sensitivity", "specificity") or not 0 < value < 1:
            raise UsageError(f"target {text!r}: write it as in Pneumonia:sensitivity=0.9, between 0 and 1")
        if target in aims:
            raise UsageError(f"{target} has two targets: a threshold can reach one")
        aims[target] = Aim("sensitivity" if measure == "sensitivity" else "specificity", value)
    return aims


@dataclass(frozen=True, eq=False)
class Sample:
    """Films with a label and a raw score of one finding.

    Attributes
    ----------
    raw : (n,) float64
    truth : (n,) bool
    patients : (n,) str
    shipped : (n,) float64
        The model's own probability; NaN where it has none.
    """

    raw: _Array
    truth: npt.NDArray[np.bool_]
    patients: npt.NDArray[np.str_]
    shipped: _Array


def sample(films: Sequence[Film], said: Mapping[str, Said], name: str) -> Sample:
    """Gather the assessed films that have a certain label and a raw score of a finding."""
    rows = [
        (answer.raw[name], film.label.truth[name] == "positive", film.patient, answer.probability.get(name, np.nan))
        for film in films
        if (answer := said.get(film.key)) is not None
        and answer.outcome == "assessed"
        and name in answer.raw
        and film.label.truth.get(name) in ("positive", "negative")
    ]
    raw, truth, patients, shipped = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Sample(
        np.array(raw, dtype=np.float64),
        np.array(truth, dtype=np.bool_),
        np.array(patients, dtype=np.str_),
        np.array(shipped, dtype=np.float64),
    )


def of_population(films: Sequence[Film], population: Population) -> list[Film]:
    """Films of people known to be under 18, or all others: a film of unknown age is read as an adult's."""
    return [film for film in films if _is_child(film) == (population == "children")]


def _is_child(film: Film) -> bool:
    return film.label.age_years is not None and film.label.age_years < ADULT_AGE_YEARS


def calibrate(samples: Mapping[str, Sample], aims: Mapping[str, Aim], *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Fit every finding, or say why it is not supported.

    Parameters
    ----------
    samples : mapping
        By finding.
    aims : mapping
        What its threshold has to reach; without one a threshold calls a known share of films (`counting_threshold`).

    Returns
    -------
    dict
        By finding, what the calibration file holds of it.

    Raises
    ------
    UsageError
        No finding can be calibrated, or one that has a target cannot.
    """
    strong = [one for one in samples.values() if _classes(one.truth) >= MIN_POSITIVES]
    if not strong:
        most = max((int(one.truth.sum()) for one in samples.values()), default=0)
        raise UsageError(
            f"no finding can be calibrated: each needs {MIN_POSITIVES} positive and as many negative assessed films;"
            f" the best has {most} positive"
        )
    slope = shared_slope([one.raw for one in strong], [one.truth for one in strong])
    found = {}
    for name in TARGETS:
        if name not in samples:
            continue
        reason = why_not(samples[name])
        if reason is not None and name in aims:
            raise UsageError(f"{name} has a target and cannot be calibrated: {reason}")
        found[name] = (
            _unsupported(samples[name], reason)
            if reason is not None
            else _fit(samples[name], slope, aims.get(name), seed)
        )
    missing = sorted(set(aims) - set(found))
    if missing:
        raise UsageError(f"{missing[0]} has a target, and these labels say nothing of it")
    return found


def why_not(one: Sample) -> str | None:
    """Say why a finding stays unsupported; None where it can be calibrated."""
    positive, negative = int(one.truth.sum()), int((~one.truth).sum())
    for count, kind in ((positive, "positive"), (negative, "negative")):
        if count < MIN_POSITIVES:
            return f"only {count} {kind} films in the local calibration (at least {MIN_POSITIVES} are needed)"
    figure = ranking(one.truth, one.raw, one.patients, _DRAWS)
    if figure is None or figure["low"] <= MIN_AUROC:
        low = "none" if figure is None else f"{figure['low']:.2f}"
        return f"its AUROC on the films of the local calibration may be as low as {low} (it must exceed {MIN_AUROC})"
    return None


def _fit(one: Sample, slope: float, aim: Aim | None, seed: int) -> dict[str, Any]:
    fold = _folds(one.patients, seed)
    platt_held = _cross(one, fold, lambda part: _platt(part, slope))
    method, held = "platt", platt_held
    if len(one.truth) >= ISOTONIC_FILMS and _classes(one.truth) >= ISOTONIC_CLASS:
        isotonic_held = _cross(one, fold, _isotonic)
        gain = _loss(one.truth, platt_held) - _loss(one.truth, isotonic_held)
        error = _clustered_error(gain, one.patients)
        if gain.mean() > error:
            method, held = "isotonic", isotonic_held
        reason = f"isotonic gains {gain.mean():.4f} nats a film on held-out patients, standard error {error:.4f}"
    else:
        reason = f"Platt scaling: isotonic regression needs {ISOTONIC_FILMS:,} films and {ISOTONIC_CLASS} of each class"
    curve = _platt_curve(one, slope, seed) if method == "platt" else _isotonic_curve(one, seed)
    prevalence = float((one.truth.sum() + 1) / (len(one.truth) + 2))
    fitted = _at(curve, one.raw)
    threshold = _threshold(one.truth, fitted, prevalence, aim)
    called = _cross_called(one, fold, held, prevalence, aim)
    has_own = ~np.isnan(one.shipped)
    return {
        "unsupported_reason": None,
        "method": method,
        "method_reason": reason,
        **curve,
        "threshold": threshold,
        "threshold_aim": "calls a known share of films" if aim is None else aim.told,
        "prevalence": _short(prevalence),
        "n": len(one.truth),
        "n_positive": int(one.truth.sum()),
        "n_patients": len(np.unique(one.patients)),
        **_rates(one, called),
        "auroc": ranking(one.truth, one.raw, one.patients, _DRAWS),
        "ece_cross_fitted": _short(expected_calibration_error(one.truth, held)),
        "ece_shipped": _short(expected_calibration_error(one.truth[has_own], one.shipped[has_own]))
        if has_own.any()
        else None,
    }


def _unsupported(one: Sample, reason: str) -> dict[str, Any]:
    return {
        "unsupported_reason": reason,
        "n": len(one.truth),
        "n_positive": int(one.truth.sum()),
        "n_patients": len(np.unique(one.patients)),
    }


def _platt(one: Sample, slope: float) -> _Apply:
    return fit_platt(one.raw, one.truth, shared_slope=slope).probability


def _isotonic(one: Sample) -> _Apply:
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415

    # As many imaginary films as Platt's targets assume keep the outermost steps off 0 and 1.
    edge = 1 / (len(one.truth) + 2)
    model = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(one.raw, one.truth)

    def apply(raw: _Array) -> _Array:
        return np.asarray(model.predict(raw), dtype=np.float64)

    return apply


def _platt_curve(one: Sample, slope: float, seed: int) -> dict[str, Any]:
    fits = [fit_platt(one.raw, one.truth, shared_slope=slope)]
    fits += resampled_platt(one.raw, one.truth, one.patients, shared_slope=slope, times=_FITS, seed=seed)
    knots = np.array([_short(float(one.raw.min())), _short(float(one.raw.max()))])
    lines = [[_short(float(fit.a * knot + fit.b)) for knot in knots] for fit in fits]
    return {"raw": knots.tolist(), "log_odds": lines[0], "resampled": lines[1:]}


def _isotonic_curve(one: Sample, seed: int) -> dict[str, Any]:
    knots = np.unique([_short(float(q)) for q in np.quantile(one.raw, np.linspace(0, 1, _KNOTS))])
    draws = resample_patients(one.patients, _ISOTONIC_FITS, seed)
    parts = [one, *(_take(one, rows) for rows in draws)]
    lines = []
    for part in parts:
        if part.truth.all() or not part.truth.any():
            continue
        p = np.maximum.accumulate(_isotonic(part)(knots))
        lines.append([_short(float(odds)) for odds in np.log(p) - np.log1p(-p)])
    return {"raw": knots.tolist(), "log_odds": lines[0], "resampled": lines[1:]}


def _at(curve: Mapping[str, Any], raw: _Array) -> _Array:
    """Probabilities by the curve as it is written, digits and all, for the threshold must fit what is read."""
    knots, odds = np.array(curve["raw"]), np.array(curve["log_odds"])
    if len(knots) == 2:
        value = odds[0] + (raw - knots[0]) / (knots[1] - knots[0]) * (odds[1] - odds[0])
    else:
        value = np.interp(raw, knots, odds)
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * value)), dtype=np.float64)


def _threshold(truth: npt.NDArray[np.bool_], probability: _Array, prevalence: float, aim: Aim | None) -> float:
    """Highest cut that reaches a sensitivity, lowest that reaches a specificity; halfway to the next film."""
    if aim is None:
        cut = counting_threshold(probability, prevalence)
    elif aim.measure in _GREATEST:
        cut = _greatest(truth, probability, aim.measure)
    else:
        values = np.unique(probability)
        middles = np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [(values[-1] + 1) / 2]])
        inside = np.sort(probability[truth] if aim.measure == "sensitivity" else probability[~truth])
        # Number of films at or above, or below, each cut.
        below = np.searchsorted(inside, middles, side="left")
        share = 1 - below / len(inside) if aim.measure == "sensitivity" else below / len(inside)
        reached = np.flatnonzero(share >= aim.value - 1e-12)
        cut = float(middles[reached[-1] if aim.measure == "sensitivity" else reached[0]])
    return _short(min(max(cut, _EDGE), 1 - _EDGE), digits=8)


def _greatest(truth: npt.NDArray[np.bool_], probability: _Array, measure: str) -> float:
    """Cut of the greatest F1, or of the greatest sum of sensitivity and specificity; halfway to the next film below."""
    if measure == "f1":
        cut = best_threshold(truth, probability)
    else:
        from sklearn.metrics import roc_curve  # noqa: PLC0415

        fpr, tpr, cuts = roc_curve(truth, probability, drop_intermediate=False)
        cut = float(cuts[1:][int(np.argmax((tpr - fpr)[1:]))])
    below = probability[probability < cut]
    return float((cut + below.max()) / 2) if len(below) else cut


def _folds(patients: npt.NDArray[np.str_], seed: int) -> npt.NDArray[np.int64]:
    """Fold of each film, by patient."""
    names, place = np.unique(patients, return_inverse=True)
    return np.asarray((np.random.default_rng(seed).permutation(len(names)) % _FOLDS)[place], dtype=np.int64)


def _cross(one: Sample, fold: npt.NDArray[np.int64], fit: Callable[[Sample], _Apply]) -> _Array:
    """Probability of each film, fitted to the patients of the other folds."""
    held = np.empty(len(one.truth))
    for number in range(_FOLDS):
        inside = fold == number
        held[inside] = fit(_take(one, np.flatnonzero(~inside)))(one.raw[inside])
    return held


def _cross_called(
    one: Sample, fold: npt.NDArray[np.int64], held: _Array, prevalence: float, aim: Aim | None
) -> npt.NDArray[np.bool_]:
    """Whether each film is called by a threshold that was chosen on the other folds."""
    called = np.zeros(len(one.truth), dtype=np.bool_)
    for number in range(_FOLDS):
        inside = fold == number
        called[inside] = held[inside] >= _threshold(one.truth[~inside], held[~inside], prevalence, aim)
    return called


def _rates(one: Sample, called: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Sensitivity and specificity, cross-fitted, with intervals over patients."""
    point = sensitivity_specificity(one.truth, called)
    drawn = [
        sensitivity_specificity(one.truth[rows], called[rows]) for rows in resample_patients(one.patients, _DRAWS, 1)
    ]
    low, high = np.nanpercentile(drawn, (2.5, 97.5), axis=0)
    counts = {"sensitivity": int(one.truth.sum()), "specificity": int((~one.truth).sum())}
    return {
        name: {
            "value": _short(point[i]),
            "low": _short(float(low[i])),
            "high": _short(float(high[i])),
            "n": counts[name],
        }
        for i, name in enumerate(("sensitivity", "specificity"))
    }


def _loss(truth: npt.NDArray[np.bool_], probability: _Array) -> _Array:
    return np.asarray(-np.log(np.where(truth, probability, 1 - probability)), dtype=np.float64)


def _clustered_error(values: _Array, patients: npt.NDArray[np.str_]) -> float:
    """Return the standard error of a mean over films whose patients are independent."""
    _, place = np.unique(patients, return_inverse=True)
    surplus = np.bincount(place, weights=values - values.mean())
    return float(np.sqrt((surplus**2).sum()) / len(values))


def _take(one: Sample, rows: npt.NDArray[np.int64]) -> Sample:
    return Sample(one.raw[rows], one.truth[rows], one.patients[rows], one.shipped[rows])


def _classes(truth: npt.NDArray[np.bool_]) -> int:
    """Films of the smaller class."""
    return min(int(truth.sum()), int((~truth).sum()))


def _short(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")
