"""What a classifier answers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucidray.domain.upscaling import UpscaledCalibration
from lucidray.domain.vocabulary import Label

# Why a model that was never calibrated shows nothing; whoever calibrates it takes this away.
UNCALIBRATED = "uncalibrated: run lucidray calibrate"
# Said after a model's name where it has nothing that could be calibrated.
NO_OUTPUT = "has no output for it"
# Said after a calibration file's name.
NOT_IN_CALIBRATION = "has none for it"
# Said before an upscaler's name.
NOT_FOR_UPSCALED = "not calibrated for films upscaled by"


def not_for_upscaled(method: str) -> str:
    """Say why nothing is shown of an upscaled film: nobody measured what scores are worth on films made like it."""
    return f"{NOT_FOR_UPSCALED} {method}"


@dataclass(frozen=True)
class Score:
    """A calibrated probability, or the reason why there is none.

    Attributes
    ----------
    probability : float in [0, 1] or None
        Calibrated at `prevalence`; None where `unsupported_reason` says why.
    interval : (low, high) or None
        95 % interval of the calibration at this score.
    threshold : float in [0, 1] or None
        On the scale of `probability`.
    n_positive : int
        Positive films behind the interval.
    prevalence : float or None
        Share of positives in the sample that the calibration holds for.
    sensitivity, specificity : float in [0, 1] or None
        Of the threshold, on the test films.
    raw : float or None
        The model's own score before calibration, as a logit; None where it cannot score.
    prevalence_given : bool
        Whether somebody named `prevalence`, instead of it being that of the films behind the calibration.
    """

    probability: float | None
    interval: tuple[float, float] | None
    threshold: float | None
    n_positive: int
    prevalence: float | None
    unsupported_reason: str | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    raw: float | None = None
    prevalence_given: bool = False


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Where on the film a finding's score comes from.

    Attributes
    ----------
    values : (h, w) float32 in [0, 1]
        Over the whole film, on a scale fixed for the finding (not for the film): 0 where nothing speaks for it, 1 where
        films that have the finding are at their hottest. A film that is hotter still has 1 at its own peak.
    cut : float in [0, 1]
        From here on a place counts as part of a region.
    cell : (height, width) in (0, 1], or None
        Share of the film that one cell of the network covers, the finest that it saw; None where `values` has one entry
        a cell.
    """

    values: npt.NDArray[np.float32]
    cut: float
    cell: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """Scores of all findings; a label that the model cannot score is there with probability None.

    Heatmaps belong to labels that have a probability or, before calibration, a raw score. `small_films` says of an
    upscaled film on which small films its scores were calibrated; None where on none, or where it was not upscaled.
    """

    scores: dict[Label, Score]
    overall: Score
    heatmaps: dict[Label, Heatmap]
    small_films: UpscaledCalibration | None = None
