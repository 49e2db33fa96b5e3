"""The second opinion as a page: who was right, and the films with every answer beside the truth."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from lucidray.batch.compare import MISREAD, SAMPLE, Comparison, FilmAnswers
from lucidray.domain.errors import LucidrayError
from lucidray.evaluation import sheet
from lucidray.imaging.film import read_film
from lucidray.reporting.film import fitted

FILMS_SHOWN = 200
_FILM_PX = 360
_JPEG_QUALITY = 80
_STYLE = """
.film { display: grid; grid-template-columns: minmax(9rem, 16rem) minmax(0, 1fr); gap: 1rem; align-items: start; }
.film img { width: 100%; height: auto; background: #000; border-radius: 6px; display: block; }
.film h3 { margin-block-start: 0; overflow-wrap: anywhere; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 0.8rem; }
.answer { border: 1px solid var(--line); border-radius: 8px; padding: 0.5rem 0.7rem; min-width: 0; }
.answer.allright { border-inline-start: 5px solid var(--good); }
.answer.wrong { border-inline-start: 5px solid var(--bad); }
.answer ul { list-style: none; padding: 0; }
.answer pre { white-space: pre-wrap; font: inherit; font-size: 0.85rem; margin: 0.3rem 0 0; overflow-wrap: anywhere; }
.answer li { display: flex; justify-content: space-between; gap: 0.6rem; }
summary { cursor: pointer; color: var(--accent); font-size: 0.85rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 40rem) { .film { grid-template-columns: minmax(0, 1fr); } .film img { max-width: 18rem; } }
"""
_RIGHT = {"found", "rightly denied", "rightly silent"}
_QUIET = {"rightly denied", "rightly silent"}


def render(comparison: Comparison, paths: Mapping[str, Path]) -> str:
    """Write the comparison as one self-contained HTML page.

    Parameters
    ----------
    comparison : Comparison
    paths : mapping
        Where each film lies, by its place in the comparison.

    Returns
    -------
    str
        At most 200 films are shown, misread ones first; the JSON beside the page holds all.
    """
    films = sorted(comparison.films, key=_order)[:FILMS_SHOWN]
    return sheet.render(
        "lucidray.batch",
        "compare.html",
        extra_style=_STYLE,
        comparison=comparison,
        films=films,
        pictures={film.path: picture(paths[film.path]) for film in films},
        tone=tone,
        loud=loud,
        all_right=all_right,
    )


def picture(path: Path) -> str | None:
    """Return a film as a small JPEG in a data URL; None where it cannot be read."""
    try:
        film = read_film(path)
    except LucidrayError:
        return None
    file = io.BytesIO()
    fitted(film, _FILM_PX).save(file, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def tone(verdict: str, *, there: bool) -> str:
    """Return the class of a verdict: good, bad, or doubt."""
    if verdict == "unsure":
        return "doubt"
    return "good" if verdict in _RIGHT else "bad" if there or verdict in ("false alarm", "no answer") else ""


def loud(film: FilmAnswers, reader: str) -> list[tuple[str, str]]:
    """Return the verdicts worth showing: all but right silence about what is not there."""
    return [(label, one) for label, one in film.answers[reader].verdicts.items() if one not in _QUIET]


def all_right(film: FilmAnswers, reader: str) -> bool:
    """Whether every finding was right; doubt is right where nothing is there."""
    return all(
        one in _RIGHT or (one == "unsure" and film.truth.get(label) != "present")
        for label, one in film.answers[reader].verdicts.items()
    )


def _order(film: FilmAnswers) -> int:
    return 0 if MISREAD in film.groups else 1 if SAMPLE in film.groups else 2
