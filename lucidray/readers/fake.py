"""A reader that says what it is told to, for tests of what is around a reader. Never a default, never a fallback."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lucidray.domain.answer import Answer, NamedBox
from lucidray.domain.box import Box
from lucidray.domain.errors import ModelError
from lucidray.domain.note import Note
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed


@dataclass
class FakeReader:
    """`Reader` that gives the same text to every film.

    Attributes
    ----------
    text : str
    boxes : sequence of (name, (x0, y0, x1, y1))
        In shares of the film as read.
    token_confidence : float or None
    dropped_boxes : int
    name : str
    data_left_machine : bool
    device : str
    fails_with : str or None
        Raises ModelError with these words.
    notes : tuple of Note
    asked : list of ReportRequest
        Every request so far.
    """

    text: str = "FINDINGS: The lungs are clear. IMPRESSION: Normal chest."
    boxes: Sequence[tuple[str, tuple[float, float, float, float]]] = ()
    token_confidence: float | None = None
    dropped_boxes: int = 0
    name: str = "fake"
    data_left_machine: bool = False
    device: str = "cpu"
    fails_with: str | None = None
    notes: tuple[Note, ...] = ()
    asked: list[ReportRequest] = field(default_factory=list)

    @property
    def used(self) -> ModelUsed:
        """Name and version, for the reading's provenance."""
        return ModelUsed(
            role="reader",
            name=self.name,
            version="0",
            sha256=None,
            device=self.device,
            data_left_machine=self.data_left_machine,
        )

    def read(self, request: ReportRequest) -> Answer:
        """Answer what it was told."""
        self.asked.append(request)
        if self.fails_with is not None:
            raise ModelError(self.fails_with)
        film = request.film
        boxes = [NamedBox(name, Box(*box).scaled(film.width_px, film.height_px)) for name, box in self.boxes]
        return Answer(self.text, tuple(boxes), self.dropped_boxes, self.token_confidence, notes=self.notes)

    def stream(self, request: ReportRequest) -> Iterator[str | Answer]:
        """Yield the text word by word, then the answer."""
        answer = self.read(request)
        words = answer.text.split(" ")
        yield from (
            word if last else word + " " for last, word in zip([False] * (len(words) - 1) + [True], words, strict=True)
        )
        yield answer
