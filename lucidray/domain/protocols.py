"""What a backend must be able to do. Backends live in `models` and `readers`; `pipeline` knows these protocols only."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from lucidray.domain.anatomy import Anatomy, Appearance
from lucidray.domain.answer import Answer, Generation
from lucidray.domain.note import Note
from lucidray.domain.prediction import Prediction
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.domain.reading import Finding, Measurement, ModelUsed, Overall


@dataclass(frozen=True)
class GateThresholds:
    """From which probability, or under which measure, the acceptance gate refuses; fitted with its network.

    Attributes
    ----------
    lateral, not_chest, turned, inverted, mirrored : float in [0, 1]
        Probabilities from which the film counts as such.
    min_lung_fraction : float
        Smallest share of the film that each lung may cover.
    min_lung_ratio : float
        Smallest ratio of the smaller lung's area to the larger one's.
    """

    lateral: float
    not_chest: float
    turned: float
    inverted: float
    mirrored: float
    min_lung_fraction: float
    min_lung_ratio: float


@runtime_checkable
class Upscaler(Protocol):
    """Makes a small film larger by a whole factor; what it adds to the film is a guess."""

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash, for the reading's provenance."""

    @property
    def name(self) -> str:
        """What it is asked for by, for example ``lanczos``."""

    @property
    def factor(self) -> int:
        """How many times as wide and as high a film becomes by one pass; at least 2."""

    def upscale(self, pixels: FloatImage) -> FloatImage:
        """Bring (H, W) float32 pixels in [0, 1] to (H * factor, W * factor) float32 in [0, 1]."""


@runtime_checkable
class Segmenter(Protocol):
    """Finds the organs on a film and says what kind of image it is, in one pass."""

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash, for the reading's provenance."""

    @property
    def thresholds(self) -> GateThresholds:
        """Where the gate cuts this network's answers."""

    def segment(self, pixels: FloatImage) -> tuple[Anatomy, Appearance]:
        """Look at (H, W) float32 pixels in [0, 1]."""


@runtime_checkable
class Classifier(Protocol):
    """Scores findings on an accepted film."""

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash, for the reading's provenance."""

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings; the film's age decides which ones the model may speak about.

        Of a film that was upscaled (`film.upscaled_by`) it gives probabilities only where it was calibrated on films
        made small and upscaled in the same way, and says so in `Prediction.small_films`.
        """


@dataclass(frozen=True)
class ReportRequest:
    """What a reader gets to write from.

    Attributes
    ----------
    film : Radiograph
    findings : list of Finding
        All 14, statuses decided, regions located.
    overall : Overall
    measurements : list of Measurement
    symptoms : str or None
        As the person typed them.
    language : str
        ISO 639-1.
    warnings : list of Note
        What the gate warned of; a sentence names one as ``warning-<code>``.
    prior_text : str or None
        Report of an earlier film of the patient.
    strategy : str
        Name of the prompt that a language model is asked with.
    generation : Generation
        How a language model writes.
    prompt : str or None
        A person's own prompt, asked instead of the strategy's.
    """

    film: Radiograph
    findings: list[Finding]
    overall: Overall
    measurements: list[Measurement]
    symptoms: str | None
    language: str
    warnings: list[Note] = field(default_factory=list)
    prior_text: str | None = None
    strategy: str = "zero-shot"
    generation: Generation = field(default_factory=Generation)
    prompt: str | None = None


@runtime_checkable
class Reader(Protocol):
    """Writes about a film."""

    @property
    def used(self) -> ModelUsed:
        """Name and version, for the reading's provenance."""

    def read(self, request: ReportRequest) -> Answer:
        """Look at the film, or at what was found on it, and write."""


@runtime_checkable
class StreamingReader(Reader, Protocol):
    """A reader whose text can be watched while it is written."""

    def stream(self, request: ReportRequest) -> Iterator[str | Answer]:
        """Yield pieces of text as they come, and last of all the whole answer."""
