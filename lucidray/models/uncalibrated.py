"""From raw logits and maps to a prediction that shows no probability: what a model says before it was calibrated.

A probability is calibrated or it is not shown. A model from elsewhere has no calibration that holds here, so that every
finding of it is `unsupported`, its raw score and its map kept for whoever calibrates it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import ModelError
from lucidray.domain.prediction import NO_OUTPUT, UNCALIBRATED, MapKind, Prediction, Score
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.models.frame import Frame
from lucidray.models.labels import Outputs

NO_OVERALL = "the model does not say whether anything is abnormal"
MAP_CUT = 0.5
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class RawModel:
    """What has to be known of a model to read its answers.

    Attributes
    ----------
    name : str
        As in provenance.
    outputs : Outputs
    operating_logits : dict
        The logit from which the model's own authors call a finding; 0 where they say nothing. It sets where a map is
        cut and never becomes a probability.
    adults_only : bool
        Films of people who are known to be under 18 get no score.
    """

    name: str
    outputs: Outputs
    operating_logits: Mapping[Label, float]
    adults_only: bool

    def prediction(
        self, film: Radiograph, logits: Floats, maps: Floats | None, frame: Frame, *, kind: MapKind = "exact"
    ) -> Prediction:
        """Read one answer.

        Parameters
        ----------
        film : Radiograph
        logits : (K,) float
            One an output of the model.
        maps : (K, h, w) float in [0, 1], or None
            See `logit_maps` and `occlusion.maps`; None where the model gives none.
        frame : Frame
            Where the maps lie.
        kind : MapKind
            What they are.

        Raises
        ------
        ModelError
            The answer is of another shape, or not finite where it is used.
        """
        if self.adults_only and film.is_child:
            return self._nothing(f"{self.name} was trained on adults")
        overall = self.outputs.overall
        used = [*self.outputs.index.values(), *([] if overall is None else [overall])]
        if logits.ndim != 1 or logits.size <= max(used) or (maps is not None and len(maps) != len(logits)):
            raise ModelError(f"{self.name} gave an answer of another shape than its labels")
        if not np.isfinite(logits[used]).all() or (maps is not None and not np.isfinite(maps[used]).all()):
            raise ModelError(f"{self.name} gave an answer that is not finite")
        scores = {
            label: _unsupported(UNCALIBRATED, float(logits[self.outputs.index[label]]))
            if label in self.outputs.index
            else _unsupported(f"{self.name} {NO_OUTPUT}")
            for label in LABELS
        }
        heatmaps = {
            label: replace(frame.heatmap(maps[index], MAP_CUT), kind=kind)
            for label, index in self.outputs.index.items()
            if maps is not None
        }
        whole = _unsupported(NO_OVERALL) if overall is None else _unsupported(UNCALIBRATED, float(logits[overall]))
        return Prediction(scores, whole, heatmaps)

    def shares(self, maps: Floats) -> Floats:
        """Put (K, h, w) maps in logits on the scale of a heatmap.

        A place shows the score that the film would have if it looked everywhere as it does there, as a share that is
        0.5 where that is the model's own operating point.
        """
        operating = np.zeros(len(maps))
        for label, index in self.outputs.index.items():
            operating[index] = self.operating_logits.get(label, 0.0)
        shares: Floats = 0.5 * (1.0 + np.tanh(0.5 * (maps.astype(np.float64) - operating[:, None, None])))
        return shares

    def _nothing(self, reason: str) -> Prediction:
        return Prediction({label: _unsupported(reason) for label in LABELS}, _unsupported(reason), {})


def _unsupported(reason: str, raw: float | None = None) -> Score:
    return replace(Score(None, None, None, 0, None, reason), raw=raw)


def logit(probability: Floats | float, least: float = 1e-7) -> npt.NDArray[np.float64]:
    """Return log-odds; probabilities closer to 0 or 1 than `least`, the step of single precision, count as that far."""
    inside = np.clip(np.asarray(probability, dtype=np.float64), least, 1 - least)
    return np.asarray(np.log(inside) - np.log1p(-inside))
