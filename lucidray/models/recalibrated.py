"""A classifier with a hospital's own calibration: a wrapper around any classifier that gives raw scores.

A calibration file is bound to the weights whose answers it was fitted to, by their hash, and replaces the calibration
of all findings: what it has none for is `unsupported`. Nothing of the shipped calibration is ever mixed in.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.prediction import NO_OUTPUT, NOT_IN_CALIBRATION, Prediction, Score, not_for_upscaled
from lucidray.domain.protocols import Classifier
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.domain.vocabulary import LABELS, Label

FORMAT, FORMAT_VERSION = "lucidray-calibration", 1
OVERALL = "Any abnormality"
Population = Literal["adults", "children"]
_DIGITS = 5
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Raw scores to probabilities: straight lines in log-odds between knots, which also holds Platt scaling exactly.

    Attributes
    ----------
    raw : (K,) float64
        Raw scores, ascending, at least two.
    log_odds : (K,) float64
        Calibrated log-odds at them; not descending.
    resampled : (B, K) float64
        The same from resampled patients: how far other patients would have moved the calibration.
    straight : bool
        Go on beyond the outermost knots with their slope (Platt), or stay level (isotonic).
    """

    raw: _Array
    log_odds: _Array
    resampled: _Array
    straight: bool

    def at(self, raw: float) -> tuple[float, float, float]:
        """Return the probability of a raw score, and the ends of its 95 % interval, which always holds it."""
        curves = np.vstack([self.log_odds[None], self.resampled])
        if self.straight:
            first, last = curves[:, 0], curves[:, -1]
            share = (raw - self.raw[0]) / (self.raw[-1] - self.raw[0])
            odds = first + share * (last - first)
        else:
            odds = np.array([np.interp(raw, self.raw, curve) for curve in curves])
        values = _sigmoid(odds)
        value = float(values[0])
        low, high = np.percentile(values[1:], (2.5, 97.5))
        return value, min(float(low), value), max(float(high), value)


@dataclass(frozen=True, eq=False)
class Entry:
    """What a calibration file says of one finding.

    Attributes
    ----------
    curve : Curve or None
        None where `unsupported_reason` says why.
    threshold : float in (0, 1) or None
    prevalence : float in (0, 1)
        Share of positives among the films that it was fitted to.
    n_positive : int
    sensitivity, specificity : float in [0, 1] or None
        Of the threshold, cross-fitted.
    """

    curve: Curve | None
    threshold: float | None
    prevalence: float | None
    n_positive: int
    sensitivity: float | None
    specificity: float | None
    unsupported_reason: str | None

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """Read one entry of the file's `findings`."""
        reason = entry["unsupported_reason"]
        if reason is not None:
            return cls(None, None, None, int(entry["n_positive"]), None, None, str(reason))
        curve = Curve(
            raw=np.asarray(entry["raw"], dtype=np.float64),
            log_odds=np.asarray(entry["log_odds"], dtype=np.float64),
            resampled=np.asarray(entry["resampled"], dtype=np.float64),
            straight=entry["method"] == "platt",
        )
        knots = len(curve.raw)
        ascending = knots >= 2 and bool((np.diff(curve.raw) > 0).all() and (np.diff(curve.log_odds) >= 0).all())
        shaped = curve.log_odds.shape == (knots,) and curve.resampled.ndim == 2 and curve.resampled.shape[1] == knots
        threshold, prevalence = float(entry["threshold"]), float(entry["prevalence"])
        finite = all(np.isfinite(part).all() for part in (curve.raw, curve.log_odds, curve.resampled))
        if not (ascending and shaped and finite and len(curve.resampled) and 0 < threshold < 1 and 0 < prevalence < 1):
            raise ValueError("a curve, threshold or prevalence that cannot be")
        rates = (entry["sensitivity"]["value"], entry["specificity"]["value"])
        return cls(curve, threshold, prevalence, int(entry["n_positive"]), float(rates[0]), float(rates[1]), None)

    def score(self, given: Score) -> Score:
        """Calibrate a model's raw score, or say why there is no probability."""
        if self.curve is None or self.unsupported_reason is not None:
            return _unsupported(self.unsupported_reason or "no calibration", given.raw, self.n_positive)
        if given.raw is None:
            return _unsupported(given.unsupported_reason or f"the model {NO_OUTPUT}", None)
        value, low, high = self.curve.at(given.raw)
        return Score(
            probability=round(value, _DIGITS),
            interval=(round(low, _DIGITS), round(high, _DIGITS)),
            threshold=self.threshold,
            n_positive=self.n_positive,
            prevalence=self.prevalence,
            sensitivity=self.sensitivity,
            specificity=self.specificity,
            raw=given.raw,
        )


@dataclass(frozen=True, eq=False)
class CalibrationFile:
    """A calibration as read from its file.

    Attributes
    ----------
    name : str
        Of the file.
    sha256 : str
        Of the file.
    model_name, model_sha256 : str
        The weights that it was fitted to.
    population : {"adults", "children"}
        Whose films it was fitted to, and whose it holds for.
    entries : dict
        By finding; `overall` apart.
    """

    name: str
    sha256: str
    model_name: str
    model_sha256: str | None
    population: Population
    entries: dict[Label, Entry]
    overall: Entry | None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a file that `lucidray calibrate` wrote.

        Raises
        ------
        UsageError
            There is no such file, or it is no calibration file.
        """
        try:
            content = path.read_bytes()
            found = _checked(json.loads(content))
            entries = {name: Entry.from_json(entry) for name, entry in found["findings"].items()}
            model = found["model"]
            return cls(
                name=path.name,
                sha256=hashlib.sha256(content).hexdigest(),
                model_name=str(model["name"]),
                model_sha256=model["sha256"],
                population=found["population"],
                entries={label: entries[label] for label in LABELS if label in entries},
                overall=entries.get(OVERALL),
            )
        except OSError as error:
            raise UsageError(f"the calibration file {path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is no calibration file of lucidray: {type(error).__name__}: {error}") from error


class Recalibrated:
    """`Classifier` whose probabilities come from a calibration file alone.

    Parameters
    ----------
    classifier : Classifier
        Gives raw scores.
    calibration : CalibrationFile

    Raises
    ------
    ModelError
        The file was fitted to other weights than the classifier's.
    """

    def __init__(self, classifier: Classifier, calibration: CalibrationFile) -> None:
        used = classifier.used
        if calibration.model_sha256 is None or used.sha256 != calibration.model_sha256:
            raise ModelError(
                f"{calibration.name} was fitted to {calibration.model_name} with SHA-256"
                f" {_short(calibration.model_sha256)}, and the weights here are {used.name} with {_short(used.sha256)}:"
                " run `lucidray calibrate` again with these weights"
            )
        self._classifier, self._calibration = classifier, calibration
        self._used = used.model_copy(update={"calibration_sha256": calibration.sha256})

    @property
    def used(self) -> ModelUsed:
        """The classifier's name, version and hash, and the calibration file's hash."""
        return self._used

    @property
    def note(self) -> str | None:
        """What to know of the classifier inside before reading; None where there is nothing."""
        note: str | None = getattr(self._classifier, "note", None)
        return note

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings with the file's calibration."""
        prediction = self._classifier.predict(film)
        if film.upscaled_by is not None:
            # The file was fitted to whole films.
            return _silent(prediction, not_for_upscaled(film.upscaled_by))
        if film.is_child != (self._calibration.population == "children"):
            whose = "somebody under 18" if film.is_child else "an adult, or of somebody whose age is not known"
            name, population = self._calibration.name, self._calibration.population
            return _silent(prediction, f"the calibration {name} holds for {population}; this film is of {whose}")
        missing = f"the calibration {self._calibration.name} {NOT_IN_CALIBRATION}"
        scores: dict[Label, Score] = {
            label: self._calibration.entries[label].score(score)
            if label in self._calibration.entries
            # What the model does not score, no calibration could hold.
            else _unsupported(missing if score.raw is not None else score.unsupported_reason or missing, score.raw)
            for label, score in prediction.scores.items()
        }
        overall = self._calibration.overall
        return Prediction(
            scores,
            _unsupported(missing, prediction.overall.raw) if overall is None else overall.score(prediction.overall),
            prediction.heatmaps,
        )


def _checked(found: dict[str, Any]) -> dict[str, Any]:
    if found["format"] != FORMAT or found["version"] != FORMAT_VERSION:
        raise ValueError(f"format {found['format']!r}, version {found['version']!r}")
    if found["population"] not in ("adults", "children"):
        raise ValueError(f"population {found['population']!r}")
    unknown = sorted(set(found["findings"]) - set(LABELS) - {OVERALL})
    if unknown:
        raise ValueError(f"unknown finding {unknown[0]!r}")
    return found


def _silent(prediction: Prediction, reason: str) -> Prediction:
    scores: dict[Label, Score] = {label: _unsupported(reason, score.raw) for label, score in prediction.scores.items()}
    return Prediction(scores, _unsupported(reason, prediction.overall.raw), prediction.heatmaps)


def _unsupported(reason: str, raw: float | None, n_positive: int = 0) -> Score:
    return Score(None, None, None, n_positive, None, reason, raw=raw)


def _short(sha256: str | None) -> str:
    return "none" if sha256 is None else f"{sha256[:12]}..."


def _sigmoid(x: _Array) -> _Array:
    return 0.5 * (1.0 + np.tanh(0.5 * x))
