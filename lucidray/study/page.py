"""The study as one page: figures, then every film with its upscaled forms, the truth and each answer."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lucidray.domain.radiograph import FloatImage
from lucidray.evaluation import sheet
from lucidray.study.answers import Answer
from lucidray.study.figures import EVERY, MATCHED, MISREAD
from lucidray.study.second_opinion import MODES, PAST, Result, told
from lucidray.study.seen import WORDS
from lucidray.study.verdict import right

_JPEG_QUALITY = 82
_STYLE = """
.film { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.8rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 0.6rem; max-width: 36rem; }
.pictures figure { margin: 0; }
.pictures img { width: 100%; height: auto; background: #000; border-radius: 6px; display: block; }
.pictures img.small { image-rendering: pixelated; }
figcaption { font-size: 0.8rem; color: var(--muted); }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: 0.6rem; }
.answer { border: 1px solid var(--line); border-inline-start-width: 5px; border-radius: 8px; padding: 0.4rem 0.7rem;
  min-width: 0; }
.answer.right { border-inline-start-color: var(--good); } .answer.wrong { border-inline-start-color: var(--bad); }
.answer pre { white-space: pre-wrap; font: inherit; font-size: 0.85rem; margin: 0.3rem 0 0; overflow-wrap: anywhere; }
th .interval { display: block; color: var(--muted); font-size: 0.8rem; font-weight: 400; }
th .interval.mark { color: var(--doubt); }
tbody th { min-width: 8.5rem; } .notes li { margin-block: 0.35rem; max-width: 62rem; }
.mark { color: var(--doubt); }
summary { cursor: pointer; color: var(--accent); font-size: 0.85rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
"""


@dataclass(frozen=True)
class ShownFilm:
    """A film as the page shows it.

    Attributes
    ----------
    place : int
        Among the test films.
    truth, first : bool
        What it is, and what the baseline called.
    groups : sequence of str
    pictures : mapping
        What to write under each picture, and the picture as a data URL; the film itself first.
    answers : mapping
        By reader and upscaling.
    """

    place: int
    truth: bool
    first: bool
    groups: Sequence[str]
    pictures: Mapping[str, str]
    answers: Mapping[tuple[str, str], Answer]


def render(result: Result, films: Sequence[ShownFilm]) -> str:
    """Write the page."""
    return sheet.render(
        "lucidray.study",
        "second_opinion.html",
        extra_style=_STYLE,
        result=result,
        films=films,
        words=WORDS,
        told=told,
        right=right,
        modes=MODES,
        past=PAST,
        group_names=(MISREAD, MATCHED, EVERY),
    )


def picture(pixels: FloatImage, *, exact: bool = False) -> str:
    """Return a film as a data URL: PNG where every pixel counts, JPEG elsewhere."""
    image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * np.float32(255)).astype(np.uint8))
    file = io.BytesIO()
    if exact:
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "JPEG", quality=_JPEG_QUALITY)
    kind = "png" if exact else "jpeg"
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode()
