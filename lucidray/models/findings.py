"""The embedded findings network: logits and exact class activation maps from one pass, calibrated by its card."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import ModelError
from lucidray.domain.prediction import Heatmap, Prediction, Score, not_for_upscaled
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.models.onnx_session import running_on
from lucidray.models.prepare import square
from lucidray.models.upscaled_card import UpscaledCard
from lucidray.models.weights_file import EMBEDDED_FOLDER, open_weights

OVERALL = "any abnormality"
CHILD_PNEUMONIA = "pneumonia in a child"
_DIGITS = 5  # of a probability; calibration is never better than the second
NO_CHILDREN = "trained on adults; in people under 18 only pneumonia is scored"


@dataclass(frozen=True)
class CalibratedOutput:
    """One output of the network with what was fitted for it.

    Attributes
    ----------
    a, b : float
        Platt scaling: probability = sigmoid(a * logit + b) (Platt 1999).
    bootstrap : (K, 2) float
        The same pair refitted on resamples of the test patients.
    threshold : float in [0, 1]
        On the calibrated probability.
    n_positive : int
    prevalence : float in [0, 1]
    sensitivity, specificity : float in [0, 1] or None
        None where the test films lack a class.
    map_low, map_high : float
        Map values, in logit units, shown as 0 and as 1.
    map_cut : float
        Map value, in logit units, from which a place may belong to a region.
    part_of_peak : float in [0, 1]
        On films whose peak is high, a place must reach this part of the peak.
    unsupported_reason : str or None
    """

    index: int
    a: float
    b: float
    bootstrap: npt.NDArray[np.float64]
    threshold: float
    n_positive: int
    prevalence: float
    sensitivity: float | None
    specificity: float | None
    map_low: float
    map_high: float
    map_cut: float
    part_of_peak: float
    unsupported_reason: str | None

    @classmethod
    def from_card(cls, index: int, entry: dict[str, Any]) -> Self:
        """Read one entry of the card's `outputs`."""
        return cls(
            index=index,
            a=float(entry["a"]),
            b=float(entry["b"]),
            bootstrap=np.asarray(entry["bootstrap"], dtype=np.float64).reshape(-1, 2),
            threshold=float(entry["threshold"]),
            n_positive=int(entry["n_positive"]),
            prevalence=float(entry["prevalence"]),
            sensitivity=entry["sensitivity"],
            specificity=entry["specificity"],
            map_low=float(entry["map_low"]),
            map_high=float(entry["map_high"]),
            map_cut=float(entry["map_cut"]),
            part_of_peak=float(entry["map_part_of_peak"]),
            unsupported_reason=None if entry["supported"] else str(entry["unsupported_reason"]),
        )

    def score(self, logit: float) -> Score:
        """Turn a logit into a calibrated score, or into the reason why there is none."""
        if self.unsupported_reason is not None:
            return replace(unsupported(self.unsupported_reason, self.n_positive), raw=logit)
        probability = float(sigmoid(np.asarray(self.a * logit + self.b)))
        curves = sigmoid(self.bootstrap[:, 0] * logit + self.bootstrap[:, 1])
        low, high = np.percentile(curves, (2.5, 97.5))
        low, high = min(float(low), probability), max(float(high), probability)
        return Score(
            probability=round(probability, _DIGITS),
            interval=(round(low, _DIGITS), round(high, _DIGITS)),
            threshold=self.threshold,
            n_positive=self.n_positive,
            prevalence=self.prevalence,
            sensitivity=self.sensitivity,
            specificity=self.specificity,
            raw=logit,
        )

    def heatmap(self, activation: npt.NDArray[np.float32]) -> Heatmap:
        """Put an (h, w) activation map in logit units on the finding's fixed scale."""
        span = self.map_high - self.map_low
        scaled = (activation - self.map_low) / span
        peak = float(scaled.max())
        cut = max((self.map_cut - self.map_low) / span, self.part_of_peak * peak)
        # A film hotter than all others is shown on the scale of its own peak, or its hottest places would be one flat.
        ceiling = max(1.0, peak)
        return Heatmap(
            values=np.clip(scaled / ceiling, 0.0, 1.0).astype(np.float32),
            cut=float(np.clip(cut / ceiling, 0.0, 1.0)),
        )


def sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the logistic function, without overflow at either end."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))


def unsupported(reason: str, n_positive: int = 0) -> Score:
    """Return the score of a finding that the model may not speak about."""
    return Score(None, None, None, n_positive, None, reason)


@dataclass(frozen=True)
class Outputs:
    """The network's outputs by what they are for, with one calibration."""

    findings: dict[Label, CalibratedOutput]
    overall: CalibratedOutput
    child_pneumonia: CalibratedOutput

    @classmethod
    def from_card(cls, entries: list[dict[str, Any]]) -> Self:
        """Read a card's `outputs`, which are in the network's order."""
        named = {str(e["name"]).lower(): CalibratedOutput.from_card(index, e) for index, e in enumerate(entries)}
        return cls({label: named[label.lower()] for label in LABELS}, named[OVERALL], named[CHILD_PNEUMONIA])


def with_small(entries: list[dict[str, Any]], small: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace the calibration of outputs by that of small films; what has none there is not supported on them."""
    return [{**entry, **small[str(entry["name"])]} for entry in entries]


def _silent(reason: str, logits: npt.NDArray[np.float32]) -> Prediction:
    """Return a prediction that shows nothing; the logits stay, for whoever calibrates."""
    scores: dict[Label, Score] = {
        label: replace(unsupported(reason), raw=float(logits[place])) for place, label in enumerate(LABELS)
    }
    return Prediction(scores, unsupported(reason), {})


class EmbeddedClassifier:
    """`Classifier` on the embedded weights, or on a folder of weights in their layout.

    Raises
    ------
    ModelError
        The weights are missing, damaged, or of another layout.
    """

    def __init__(self, folder: Path = EMBEDDED_FOLDER, threads: int = 0, device: str = "cpu") -> None:
        weights = open_weights(folder, "findings")
        self._session = weights.session(threads, device)
        try:
            self._size = int(weights.card["input_size"])
            self._whole = Outputs.from_card(weights.card["outputs"])
            # Calibration of small films belongs to these weights alone; without it their scores are not shown.
            self._small = UpscaledCard.open(folder, weights.sha256)
            self._outputs_small = {
                key: Outputs.from_card(with_small(weights.card["outputs"], entry.outputs))
                for key, entry in self._small.entries.items()
            }
            self._used = ModelUsed(
                role="findings",
                name=weights.card["name"],
                version=weights.card["version"],
                sha256=weights.sha256,
                device=running_on(self._session),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the card findings.json does not fit this version of lucidray: {error}") from error
        self._count = len(weights.card["outputs"])

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash."""
        return self._used

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings; on a child's film pneumonia alone, by the output that was trained on children."""
        logits, maps = self._session.run(["logits", "maps"], {"film": square(film.pixels, self._size)[None, None]})
        if logits.shape != (1, self._count) or not (np.isfinite(logits).all() and np.isfinite(maps).all()):
            raise ModelError("findings.onnx gave an answer that is no set of scores: wrong shape, or not finite")
        outputs, small = self._whole, None
        if film.upscaled_by is not None:
            small = self._small.nearest(film.upscaled_by, film.original)
            if small is None:
                return _silent(not_for_upscaled(film.upscaled_by), logits[0])
            outputs = self._outputs_small[small.key]
        chosen = {"Pneumonia": outputs.child_pneumonia} if film.is_child else outputs.findings
        scores: dict[Label, Score] = {
            label: chosen[label].score(float(logits[0, chosen[label].index]))
            if label in chosen
            else unsupported(NO_CHILDREN)
            for label in LABELS
        }
        heatmaps = {
            label: chosen[label].heatmap(maps[0, chosen[label].index])
            for label in LABELS
            if scores[label].raw is not None
        }
        overall = (
            unsupported(NO_CHILDREN)
            if film.is_child
            else outputs.overall.score(float(logits[0, outputs.overall.index]))
        )
        return Prediction(scores, overall, heatmaps, None if small is None else small.measured)
