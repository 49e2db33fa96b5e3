"""Films on disk: whether they can be read, how large they are, and what their headers say."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import Radiograph, Sex, View
from lucidray.imaging.film import read_film
from lucidray.imaging.limits import DEFAULT_LIMITS, Limits

# Some films wait for the disk while others are decoded; more only cost memory.
_AHEAD = 4


@dataclass(frozen=True)
class FilmFacts:
    """What a readable film says of itself.

    Attributes
    ----------
    size_px : (height, width)
        As stored.
    view, age_years, sex
        From the DICOM header; rasters say nothing.
    seen : str
        What somebody who looked at the film says against it; empty where nothing.
    """

    size_px: tuple[int, int]
    view: View = "unknown"
    age_years: float | None = None
    sex: Sex | None = None
    seen: str = ""


def facts_of(
    path: Path, limits: Limits = DEFAULT_LIMITS, look: Callable[[Radiograph], str] | None = None
) -> FilmFacts | str:
    """Decode a film, whole, and return its facts, or in words why it cannot be read.

    Parameters
    ----------
    look : callable, optional
        Given the film, returns why it should be left out, or nothing.
    """
    try:
        film = read_film(path, limits=limits)
    except InputError as error:
        return str(error).removeprefix(f"{path.name}: ")
    width, height = film.stored_size_px
    seen = look(film) if look is not None else ""
    return FilmFacts((height, width), film.view, film.age_years, film.sex, seen)


def read_all(
    paths: Sequence[Path],
    *,
    workers: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    look: Callable[[Radiograph], str] | None = None,
) -> Iterator[FilmFacts | str]:
    """Decode films in several threads and return their facts in order."""
    if workers == 1:
        yield from (facts_of(path, limits, look) for path in paths)
        return
    with ThreadPoolExecutor(workers) as pool:
        window = workers * _AHEAD
        waiting = [pool.submit(facts_of, path, limits, look) for path in paths[:window]]
        try:
            for place in range(len(paths)):
                yield waiting[place].result()
                if place + window < len(paths):
                    waiting.append(pool.submit(facts_of, paths[place + window], limits, look))
        finally:
            pool.shutdown(cancel_futures=True)
