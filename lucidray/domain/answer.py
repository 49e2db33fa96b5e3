"""What a reader answers: words, places, and how sure it was of its words."""

from dataclasses import dataclass, field

from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.reading import Report


@dataclass(frozen=True)
class Generation:
    """How a language model writes.

    Attributes
    ----------
    temperature : float
        0 takes the likeliest token every time.
    top_p : float in (0, 1]
    max_tokens : int
        Of the answer.
    seed : int
        Decides what chance decides; two runs with the same one give the same text where the backend can.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 768
    seed: int = 0


@dataclass(frozen=True)
class NamedBox:
    """A place that a reader points at.

    Attributes
    ----------
    name : str
        What the reader calls it, as written.
    box : Box
        In pixels of the film as it was read (`Radiograph.pixels`), inside its borders.
    """

    name: str
    box: Box


@dataclass(frozen=True)
class Answer:
    """A reader's answer.

    Attributes
    ----------
    text : str
        As written, without the tokens that only place boxes.
    boxes : tuple of NamedBox
    dropped_boxes : int
        Boxes that could not be read or lie outside the film.
    token_confidence : float in [0, 1] or None
        Geometric mean of the probabilities of the tokens written; None where the backend does not tell them.
    report : Report or None
        Given by readers whose sentences carry their evidence already (the composer); otherwise the text is still to be
        cut into sentences and checked.
    notes : tuple of Note
        What has to be told about the answer: it was cut off, its language could not be checked. The reading passes them
        on as warnings.
    """

    text: str
    boxes: tuple[NamedBox, ...] = field(default=())
    dropped_boxes: int = 0
    token_confidence: float | None = None
    report: Report | None = None
    notes: tuple[Note, ...] = ()
