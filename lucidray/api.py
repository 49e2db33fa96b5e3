"""The Python interface: load the models once, read many films.

import lucidray

reader = lucidray.load()
reading = reader.read("chest.dcm", symptoms="fever, cough for 5 days")
print(reading.explanation)
reading.overlay().save("overlay.png")
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Reader
from lucidray.domain.radiograph import Sex, View
from lucidray.domain.reading import Reading
from lucidray.imaging.film import Source
from lucidray.imaging.limits import Limits
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.weights_file import EMBEDDED_FOLDER
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.composer import Composer


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
    def models(self) -> Models:
        """The parts that take part."""
        return self._models

    def with_reader(self, reader: Reader) -> "Lucidray":
        """Return the same models, already loaded, with another writer."""
        return Lucidray(replace(self._models, reader=reader), self._defaults)

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
        )
        return interpret(source, self._models, request, name=name)


def load(
    *,
    weights: str | Path | None = None,
    threads: int = 0,
    language: str = "en",
    fix_orientation: bool = False,
    limits: Limits | None = None,
) -> Lucidray:
    """Load the embedded models.

    Parameters
    ----------
    weights : path, optional
        A folder with other weights in the layout of the embedded ones.
    threads : int
        Threads a network; 0 takes one a core.
    language : str
        Of the reports, ISO 639-1.
    fix_orientation : bool
        Turn or invert films that would be refused for it.
    limits : Limits, optional
        Caps on bytes and pixels.

    Raises
    ------
    ModelError
        Weights are missing or damaged.
    """
    if threads < 0:
        raise UsageError(f"threads must be 0 or more, not {threads}")
    folder = EMBEDDED_FOLDER if weights is None else Path(weights)
    models = Models(EmbeddedSegmenter(folder, threads), EmbeddedClassifier(folder, threads), Composer())
    defaults = Request(language=language, fix_orientation=fix_orientation, limits=limits or Limits())
    return Lucidray(models, defaults)


@lru_cache(maxsize=1)
def _default() -> Lucidray:
    return load()


def read(source: Source, **options: Any) -> Reading:
    """Read one film with the embedded models, which are loaded at the first call; options as in `Lucidray.read`."""
    return _default().read(source, **options)
