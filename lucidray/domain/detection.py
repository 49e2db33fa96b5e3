"""What a detector answers: boxes on a film, each with what its class means."""

from dataclasses import dataclass

from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.vocabulary import Label, Side


@dataclass(frozen=True)
class DetectedBox:
    """A box that a detector drew.

    Attributes
    ----------
    name : str
        Its class, as the detector calls it.
    labels : tuple of Label
        The findings that the class may mean: one, or several where it does not tell them apart ("Lung Opacity").
    box : Box
        In pixels of the film as it was read (`Radiograph.pixels`), inside its borders.
    score : float in [0, 1]
        The detector's own; it ranks boxes and is no probability.
    """

    name: str
    labels: tuple[Label, ...]
    box: Box
    score: float


@dataclass(frozen=True)
class Detections:
    """A detector's answer.

    Attributes
    ----------
    boxes : tuple of DetectedBox
        Greatest score first.
    notes : tuple of Note
        What has to be told: boxes of classes that lucidray does not name, films that the detector was not made for.
    """

    boxes: tuple[DetectedBox, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Pointed:
    """Where a detector does not say what the classifier says.

    Attributes
    ----------
    label : Label
    detector : str
        Its name.
    assessed : bool
        False where the classifier does not score the finding at all.
    detector_sides, classifier_sides : frozenset of Side
        Where both see the finding and share no side; empty elsewhere.
    """

    label: Label
    detector: str
    assessed: bool = True
    detector_sides: frozenset[Side] = frozenset()
    classifier_sides: frozenset[Side] = frozenset()
