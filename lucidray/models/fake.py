"""Models that answer what they are told to, for tests of what is around a model. Never a default, never a fallback."""

from dataclasses import dataclass, field

import numpy as np

from lucidray.domain.anatomy import ORGANS, Anatomy, Appearance
from lucidray.domain.box import Box
from lucidray.domain.detection import DetectedBox, Detections
from lucidray.domain.note import Note
from lucidray.domain.prediction import Heatmap, Prediction, Score
from lucidray.domain.protocols import GateThresholds
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.domain.vocabulary import LABELS, Label

UPRIGHT = Appearance(
    frontal=0.98, lateral=0.01, not_chest=0.01, turn=(0.97, 0.01, 0.01, 0.01), inverted=0.01, mirrored=0.02
)
# Centre x, centre y, half width, half height, as shares of the film; image left is the patient's right.
_ELLIPSES = {
    "right_lung": (0.30, 0.47, 0.15, 0.31),
    "left_lung": (0.71, 0.47, 0.14, 0.31),
    "heart": (0.54, 0.63, 0.14, 0.13),
    "right_clavicle": (0.34, 0.19, 0.12, 0.02),
    "left_clavicle": (0.67, 0.19, 0.12, 0.02),
}


def drawn_anatomy(size: int = 128) -> Anatomy:
    """Return an anatomy of five ellipses on a (size, size) grid: the lungs of a textbook, seen from the front."""
    y, x = (np.indices((size, size)) + 0.5) / size
    masks = [
        ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1 for cx, cy, rx, ry in (_ELLIPSES[organ] for organ in ORGANS)
    ]
    return Anatomy(np.stack(masks))


@dataclass(frozen=True)
class FakeSegmenter:
    """`Segmenter` that sees the same thing on every film."""

    appearance: Appearance = UPRIGHT
    anatomy: Anatomy = field(default_factory=drawn_anatomy)
    thresholds: GateThresholds = field(
        default_factory=lambda: GateThresholds(
            lateral=0.5,
            not_chest=0.5,
            turned=0.5,
            inverted=0.5,
            mirrored=0.5,
            min_lung_fraction=0.02,
            min_lung_ratio=0.3,
        )
    )
    used: ModelUsed = field(default_factory=lambda: ModelUsed(role="anatomy", name="fake", version="0", sha256=None))

    def segment(self, pixels: FloatImage) -> tuple[Anatomy, Appearance]:  # noqa: ARG002
        """Answer what it was told."""
        return self.anatomy, self.appearance


@dataclass(frozen=True)
class FakeClassifier:
    """`Classifier` that gives the same probabilities to every film.

    Attributes
    ----------
    probabilities : dict
        Of the labels that it can score; the others are unsupported.
    overall : float
    hot_xy : (float, float)
        Where every heatmap is hottest, as shares of width and height.
    """

    probabilities: dict[Label, float]
    overall: float = 0.1
    hot_xy: tuple[float, float] = (0.3, 0.65)
    threshold: float = 0.5
    half_interval: float = 0.05
    used: ModelUsed = field(default_factory=lambda: ModelUsed(role="findings", name="fake", version="0", sha256=None))

    def predict(self, film: Radiograph) -> Prediction:  # noqa: ARG002
        """Answer what it was told."""
        scores = {
            label: self._score(self.probabilities[label])
            if label in self.probabilities
            else Score(None, None, None, 0, None, "the fake model was told nothing of it")
            for label in LABELS
        }
        return Prediction(scores, self._score(self.overall), {label: self._heatmap() for label in self.probabilities})

    def _score(self, probability: float) -> Score:
        low, high = max(probability - self.half_interval, 0.0), min(probability + self.half_interval, 1.0)
        return Score(probability, (low, high), self.threshold, 100, 0.1)

    def _heatmap(self, size: int = 14) -> Heatmap:
        y, x = (np.indices((size, size)) + 0.5) / size
        distance = (x - self.hot_xy[0]) ** 2 + (y - self.hot_xy[1]) ** 2
        return Heatmap(np.exp(-distance / 0.01).astype(np.float32), cut=0.5)


@dataclass(frozen=True)
class FakeLocalizer:
    """`Localizer` that draws the same boxes on every film.

    Attributes
    ----------
    boxes : dict
        By finding, corners as shares of the film's width and height.
    notes : tuple of Note
    """

    boxes: dict[Label, tuple[float, float, float, float]]
    notes: tuple[Note, ...] = ()
    used: ModelUsed = field(
        default_factory=lambda: ModelUsed(role="detector", name="fake detector", version="0", sha256=None)
    )

    def locate(self, film: Radiograph) -> Detections:
        """Answer what it was told."""
        drawn = (
            DetectedBox(label, (label,), Box(*corners).scaled(film.width_px, film.height_px), 0.9)
            for label, corners in self.boxes.items()
        )
        return Detections(tuple(drawn), self.notes)
