"""The models of the service: loaded once, shared by all readings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from threading import Lock
from typing import Any

from lucidray.domain.answer import Answer
from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.protocols import Classifier, Reader, ReportRequest, Segmenter, StreamingReader
from lucidray.domain.reading import ModelUsed, Reading
from lucidray.imaging.limits import Limits
from lucidray.pipeline import Models, Request, checked, interpret
from lucidray.store.order import Order

Watch = Callable[[str], None]
Told = Callable[[str], None]


@dataclass(frozen=True)
class ReaderChoice:
    """A reader that people may ask for.

    Attributes
    ----------
    name : str
    load : callable
        Makes the reader; called once, when it is first asked for.
    what : str
        In one line.
    licence : str
    sends_data_away : bool
        The film leaves this machine.
    """

    name: str
    load: Callable[[], Reader]
    what: str
    licence: str
    sends_data_away: bool = False


class Engine:
    """Reads films.

    Parameters
    ----------
    segmenter, classifier
        The models that take part in every reading.
    readers : mapping
        By name; the first one is the default.
    limits : Limits
        Of one film.
    """

    def __init__(
        self, segmenter: Segmenter, classifier: Classifier, readers: Mapping[str, ReaderChoice], limits: Limits
    ) -> None:
        if not readers:
            raise UsageError("a service needs at least one reader")
        self._segmenter, self._classifier = segmenter, classifier
        self.choices = dict(readers)
        self.limits = limits
        self._loaded: dict[str, Reader] = {}
        self._lock = Lock()

    @property
    def default_reader(self) -> str:
        """Name of the reader that is taken where none is asked for."""
        return next(iter(self.choices))

    def check(self, order: Order) -> None:
        """Refuse an order that cannot be carried out, before anything is stored.

        Raises
        ------
        UsageError
            There is no such reader, language or option.
        """
        if order.reader not in self.choices:
            raise UsageError(f"there is no reader {order.reader[:60]!r}; there are {', '.join(self.choices)}")
        if order.prompt is not None and not _takes_prompt():
            raise UsageError("no reader of this version takes a prompt of your own: choose a strategy")
        checked(self._request(order))

    def read(
        self,
        content: bytes,
        name: str,
        order: Order,
        *,
        watch: Watch | None = None,
        told: Told | None = None,
        prior_text: str | None = None,
    ) -> Reading:
        """Read a film.

        Parameters
        ----------
        content : bytes
            Of its file.
        name : str
        order : Order
        watch : callable, optional
            See `pipeline.interpret`.
        told : callable, optional
            Given the reader's text, piece by piece where it can be watched.
        prior_text : str, optional
            Report of the film that this one is compared with.
        """
        self.check(order)
        reader = _Ordered(self._reader(order.reader), order, told, prior_text)
        models = Models(self._segmenter, self._classifier, reader)
        return interpret(content, models, self._request(order), name=name, watch=watch)

    def _request(self, order: Order) -> Request:
        return Request(
            symptoms=order.symptoms,
            fix_orientation=order.fix_orientation,
            age_years=order.age_years,
            sex=order.sex,
            view=order.view,
            language=order.language,
            limits=self.limits,
        )

    def _reader(self, name: str) -> Reader:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self.choices[name].load()
            return self._loaded[name]


class _Ordered:
    """A reader that is asked as one order says, and whose text is passed on while it is written."""

    def __init__(self, reader: Reader, order: Order, told: Told | None, prior_text: str | None) -> None:
        self._reader, self._order, self._told, self._prior_text = reader, order, told, prior_text

    @property
    def used(self) -> ModelUsed:
        """The reader's own."""
        return self._reader.used

    def read(self, request: ReportRequest) -> Answer:
        """Ask the reader."""
        request = replace(
            request,
            strategy=self._order.strategy,
            generation=self._order.writing.generation(),
            prior_text=self._prior_text or request.prior_text,
        )
        if self._order.prompt is not None:
            # A field that readers of language models bring; `check` has seen that it is there.
            own: dict[str, Any] = {"prompt": self._order.prompt}
            request = replace(request, **own)
        if self._told is None:
            return self._reader.read(request)
        if not isinstance(self._reader, StreamingReader):
            answer = self._reader.read(request)
            self._told(answer.text)
            return answer
        for piece in self._reader.stream(request):
            if isinstance(piece, Answer):
                return piece
            self._told(piece)
        raise ModelError(f"the reader {self._reader.used.name} stopped without an answer")


def _takes_prompt() -> bool:
    return any(field.name == "prompt" for field in fields(ReportRequest))
