"""The models as the settings and the options name them, for every command that reads films."""

from typing import TYPE_CHECKING

from lucidray.cli import streams
from lucidray.cli.reader_options import ReaderChoice

if TYPE_CHECKING:
    from lucidray.api import Lucidray
    from lucidray.settings import Settings


def load_engine(settings: "Settings", choice: ReaderChoice | None = None, threads: int | None = None) -> "Lucidray":
    """Load the networks and the reader once, and warn of what has to be known of them.

    Parameters
    ----------
    settings : Settings
        Models, calibration, prevalence, limits, language.
    choice : ReaderChoice, optional
        Who writes; the composer where nobody was chosen.
    threads : int, optional
        Instead of the settings'.
    """
    from lucidray.api import load
    from lucidray.imaging.limits import Limits
    from lucidray.models.prevalence import parse_prevalences

    engine = load(
        weights=settings.weights,
        threads=settings.threads if threads is None else threads,
        classifier=settings.classifier,
        device=settings.device,
        language=settings.language,
        fix_orientation=settings.fix_orientation,
        limits=Limits(max_pixels=settings.max_pixels, max_bytes=settings.max_bytes),
        calibration=settings.calibration,
        prevalence=parse_prevalences(settings.prevalence or ""),
        upscale=settings.upscale,
        **(choice.loading if choice else {}),
    )
    for note in engine.notes:
        streams.warn(note)
    return engine
