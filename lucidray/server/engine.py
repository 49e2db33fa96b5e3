"""The models of the service: loaded once, shared by all readings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lucidray.domain.answer import Answer
from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.protocols import (
    Classifier,
    Localizer,
    Reader,
    ReportRequest,
    Segmenter,
    StreamingReader,
    Upscaler,
)
from lucidray.domain.reading import ModelUsed, Reading
from lucidray.imaging.limits import Limits
from lucidray.pipeline import Models, Request, checked, interpret
from lucidray.readers.prompt import available_strategies, check_prompt, check_strategy
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
    takes_prompt : bool
        It is asked in words: by a strategy, or by a prompt of one's own.
    prompts : path or None
        Folder of its strategies; None takes those that come with lucidray.
    """

    name: str
    load: Callable[[], Reader]
    what: str
    licence: str
    sends_data_away: bool = False
    takes_prompt: bool = True
    prompts: Path | None = None

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the prompts that it can be asked with."""
        return available_strategies(self.prompts) if self.takes_prompt else ()


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
    localizer
        A detector that draws boxes beside the classifier's maps.
    upscalers : mapping
        By name, what loads them when they are first asked for.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        classifier: Classifier,
        readers: Mapping[str, ReaderChoice],
        limits: Limits,
        *,
        localizer: Localizer | None = None,
        upscalers: Mapping[str, Callable[[], Upscaler]] | None = None,
    ) -> None:
        if not readers:
            raise UsageError("a service needs at least one reader")
        self._segmenter, self._classifier, self._localizer = segmenter, classifier, localizer
        self.choices = dict(readers)
        self.limits = limits
        self._loaded: dict[str, Reader] = {}
        self.upscalers = dict(upscalers or {})
        self._loaded_upscalers: dict[str, Upscaler] = {}
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
            There is no such reader, upscaler, language or strategy, or the reader takes no prompt.
        """
        if order.reader not in self.choices:
            raise UsageError(f"there is no reader {order.reader[:60]!r}; there are {', '.join(self.choices)}")
        if order.upscale is not None and order.upscale not in self.upscalers:
            there = ", ".join(self.upscalers) or "none"
            raise UsageError(f"there is no upscaler {order.upscale[:60]!r}; there are {there}")
        choice = self.choices[order.reader]
        if order.prompt is not None:
            if not choice.takes_prompt:
                raise UsageError(f"the reader {choice.name} takes no prompt")
            check_prompt(order.prompt)
        elif choice.takes_prompt:
            check_strategy(order.strategy, choice.prompts)
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
        reader = self._reader(order.reader)
        asked = reader if told is None else _Told(reader, told)
        models = Models(self._segmenter, self._classifier, asked, self._localizer, self._upscaler(order.upscale))
        return interpret(content, models, self._request(order, prior_text), name=name, watch=watch)

    def _request(self, order: Order, prior_text: str | None = None) -> Request:
        return Request(
            symptoms=order.symptoms,
            fix_orientation=order.fix_orientation,
            age_years=order.age_years,
            sex=order.sex,
            view=order.view,
            language=order.language,
            limits=self.limits,
            prior_text=prior_text,
            strategy=order.strategy,
            generation=order.writing.generation(),
            prompt=order.prompt,
        )

    def _upscaler(self, name: str | None) -> Upscaler | None:
        if name is None:
            return None
        with self._lock:
            if name not in self._loaded_upscalers:
                self._loaded_upscalers[name] = self.upscalers[name]()
            return self._loaded_upscalers[name]

    def _reader(self, name: str) -> Reader:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self.choices[name].load()
            return self._loaded[name]


class _Told:
    """A reader whose text is passed on while it is written."""

    def __init__(self, reader: Reader, told: Told) -> None:
        self._reader, self._told = reader, told

    @property
    def used(self) -> ModelUsed:
        """The reader's own."""
        return self._reader.used

    def read(self, request: ReportRequest) -> Answer:
        """Ask the reader."""
        if not isinstance(self._reader, StreamingReader):
            answer = self._reader.read(request)
            self._told(answer.text)
            return answer
        for piece in self._reader.stream(request):
            if isinstance(piece, Answer):
                return piece
            self._told(piece)
        raise ModelError(f"the reader {self._reader.used.name} stopped without an answer")
