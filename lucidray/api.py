"""The Python interface: load the models once, read many films.

import lucidray

reader = lucidray.load()
reading = reader.read("chest.dcm", symptoms="fever, cough for 5 days")
print(reading.explanation)
reading.overlay().save("overlay.png")
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from lucidray.domain.answer import Generation
from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Classifier, Localizer, Reader, Upscaler
from lucidray.domain.radiograph import Sex, View
from lucidray.domain.reading import Reading
from lucidray.imaging.film import Source
from lucidray.imaging.limits import Limits
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.models.detectors import open_localizer
from lucidray.models.prevalence import WithPrevalence, parse_prevalences
from lucidray.models.recalibrated import CalibrationFile, Recalibrated
from lucidray.models.registry import EMBEDDED, note_of, open_classifier
from lucidray.models.upscalers import load_upscaler
from lucidray.models.weights_file import EMBEDDED_FOLDER
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.registry import DEFAULT, open_reader


class Lucidray:
    """Reads films with models that are loaded once; safe to use from several threads.

    Parameters
    ----------
    models : Models
        The parts that take part.
    defaults : Request
        What holds where `read` is not told otherwise.
    """

    def __init__(self, models: Models, defaults: Request) -> None:
        self._models = models
        self._defaults = defaults

    @property
    def notes(self) -> list[str]:
        """What to know of the models before reading, for example what a classifier scores and lucidray leaves out."""
        parts = (self._models.classifier, self._models.localizer)
        return [note for part in parts if part is not None and (note := note_of(part)) is not None]

    @property
    def models(self) -> Models:
        """The parts that take part."""
        return self._models

    @property
    def defaults(self) -> Request:
        """What holds where `read` is not told otherwise."""
        return self._defaults

    def with_reader(
        self, reader: Reader, *, strategy: str | None = None, generation: Generation | None = None
    ) -> "Lucidray":
        """Return the same models, already loaded, with another writer; `strategy` and `generation` as in `load`."""
        defaults = replace(
            self._defaults,
            strategy=strategy or self._defaults.strategy,
            generation=generation or self._defaults.generation,
        )
        return Lucidray(replace(self._models, reader=reader), defaults)

    def read(
        self,
        source: Source,
        *,
        symptoms: str | None = None,
        name: str | None = None,
        age: float | None = None,
        sex: Sex | None = None,
        view: View | None = None,
        fix_orientation: bool | None = None,
        language: str | None = None,
        prior_text: str | None = None,
        prompt: str | None = None,
    ) -> Reading:
        """Read one film.

        Parameters
        ----------
        source : path, bytes, PIL image or array
            DICOM, PNG, JPEG, TIFF or WebP; an array is (H, W), bright = dense, row 0 superior.
        symptoms : str, optional
            Free text; it shapes the impression, never a probability.
        name : str, optional
            What to call the film; by default the file's name.
        age, sex, view : optional
            Years; "female", "male", "other"; "PA", "AP", "AP supine": they replace what the file says.
        fix_orientation : bool, optional
            Turn or invert a film that would be refused for it; the reading says so.
        language : str, optional
            Of the report, ISO 639-1.
        prior_text : str, optional
            Report of an earlier film of the patient, for readers that take text.
        prompt : str, optional
            Your own prompt, instead of the strategy's; slots as in `lucidray.readers.prompt`.

        Returns
        -------
        Reading
            With `accepted` false and the reasons in `refusal` where the film is refused.

        Raises
        ------
        InputError
            The source cannot be read as a film.
        UsageError
            An argument makes no sense.
        ModelError
            A model gave no valid answer.
        """
        defaults = self._defaults
        request = Request(
            symptoms=symptoms,
            fix_orientation=defaults.fix_orientation if fix_orientation is None else fix_orientation,
            age_years=age,
            sex=sex,
            view=view,
            language=language or defaults.language,
            limits=defaults.limits,
            prior_text=prior_text,
            strategy=defaults.strategy,
            generation=defaults.generation,
            prompt=prompt,
        )
        return interpret(source, self._models, request, name=name)


def load(
    *,
    weights: str | Path | None = None,
    threads: int = 0,
    classifier: str | Classifier = EMBEDDED,
    device: str = "auto",
    language: str = "en",
    fix_orientation: bool = False,
    limits: Limits | None = None,
    reader: str | Reader = DEFAULT,
    reader_options: Mapping[str, Any] | None = None,
    strategy: str = "zero-shot",
    generation: Generation | None = None,
    calibration: str | Path | None = None,
    prevalence: Mapping[str, float] | None = None,
    localizer: str | Localizer | None = None,
    upscale: str | Upscaler | None = None,
) -> Lucidray:
    """Load the models; the embedded ones where nothing else is asked for.

    Parameters
    ----------
    weights : path, optional
        A folder with other weights in the layout of the embedded ones.
    threads : int
        Threads a network; 0 takes one a core.
    classifier : str or Classifier
        Who scores the findings, by its name in `lucidray models`, for example ``onnx:models/mine``.
    device : "auto", "cuda", "mps" or "cpu"
        For every model; "auto" takes for each what is there, and the reading says what that was.
    language : str
        Of the reports, ISO 639-1.
    fix_orientation : bool
        Turn or invert films that would be refused for it.
    limits : Limits, optional
        Caps on bytes and pixels.
    reader : str or Reader
        Who writes: a name of `lucidray.readers.registry.READERS`, or an object with the protocol's methods.
    reader_options : mapping, optional
        Of a reader that is named: model, device, base_url and so on.
    strategy : str
        Prompt that a language model is asked with.
    generation : Generation, optional
        How a language model writes: temperature, top-p, length, seed.
    calibration : path, optional
        A file that `lucidray calibrate` wrote; it takes the place of the shipped calibration of all findings.
    prevalence : mapping, optional
        Shares in (0, 1) by finding, to which its probability is moved.
    localizer : str or Localizer, optional
        A detector whose boxes become regions of findings, for example ``onnx:detector.onnx``.
    upscale : str or Upscaler, optional
        Who upscales films under 224 pixels before they are read (`lucidray.models.upscalers`): the reading is marked
        degraded. Without it such films are refused under 128 pixels.

    Raises
    ------
    UsageError
        There is no such reader, classifier, upscaler or device; the reader does not take an option; the calibration
        cannot be read; a prevalence makes no sense.
    ModelError
        Weights are missing or damaged, the calibration is of other weights, or an optional part is not installed.
    """
    if threads < 0:
        raise UsageError(f"threads must be 0 or more, not {threads}")
    folder = EMBEDDED_FOLDER if weights is None else Path(weights)
    writer = open_reader(reader, reader_options, device) if isinstance(reader, str) else reader
    segmenter = EmbeddedSegmenter(folder, threads, device)
    if isinstance(classifier, str):
        classifier = open_classifier(classifier, device=device, threads=threads, weights=folder)
    if isinstance(localizer, str):
        localizer = open_localizer(localizer, device=device, threads=threads)
    upscaler = load_upscaler(upscale, device, threads, folder) if isinstance(upscale, str) else upscale
    models = Models(segmenter, calibrated(classifier, calibration, prevalence), writer, localizer, upscaler)
    defaults = Request(
        language=language,
        fix_orientation=fix_orientation,
        limits=limits or Limits(),
        strategy=strategy,
        generation=generation or Generation(),
    )
    return Lucidray(models, defaults)


def calibrated(
    classifier: Classifier, calibration: str | Path | None = None, prevalence: Mapping[str, float] | None = None
) -> Classifier:
    """Give any classifier a calibration file and stated prevalences, in this order; options as in `load`."""
    if calibration is not None:
        classifier = Recalibrated(classifier, CalibrationFile.open(Path(calibration)))
    if prevalence:
        stated = parse_prevalences(",".join(f"{name}={share}" for name, share in prevalence.items()))
        classifier = WithPrevalence(classifier, stated)
    return classifier


@lru_cache(maxsize=1)
def _default() -> Lucidray:
    return load()


def read(source: Source, **options: Any) -> Reading:
    """Read one film with the embedded models, which are loaded at the first call; options as in `Lucidray.read`."""
    return _default().read(source, **options)
