"""One look at a film for `data check`: its hash, a thumbnail, and what is plainly wrong with its pixels."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.film import read_film
from lucidray.imaging.gate import judge_pixels
from lucidray.imaging.limits import DEFAULT_LIMITS, Limits

THUMBNAIL_PX = 64
# Seven films of JSRT are known to be saturated: 0.81 to 0.97 of each lies in six neighbouring grey steps of 256. No
# other film of the project's folders has more than 0.52 of it there.
MAX_CROWDED_SHARE = 0.65
_STEPS, _DARK = 6, 40
# Films whose soft tissue was windowed to pure white.
MAX_WHITE_SHARE = 0.12
_WHITE = 0.998
# The middle of the film: collimated borders and burnt-in marks are white by right.
_BORDER = 0.1


@dataclass(frozen=True, eq=False)
class Looked:
    """A film that was looked at.

    Attributes
    ----------
    sha256 : str
        Of the file.
    thumbnail : (64, 64) uint8
        The whole film, stretched to a square.
    size_px : (height, width)
    problems : tuple of (str, str)
        Code and words of what is wrong with the pixels; empty where nothing is.
    """

    sha256: str
    thumbnail: npt.NDArray[np.uint8]
    size_px: tuple[int, int]
    problems: tuple[tuple[str, str], ...]


def look_at(
    path: Path,
    limits: Limits = DEFAULT_LIMITS,
    gate: Callable[[Radiograph], list[tuple[str, str]]] | None = None,
) -> Looked | str:
    """Look at a film.

    Parameters
    ----------
    gate : callable, optional
        Returns what the acceptance gate has against the film, as codes and words.

    Returns
    -------
    Looked or str
        Text says why the film cannot be read.
    """
    try:
        content = path.read_bytes()
        film = read_film(content, limits=limits, name=path.name)
    except InputError as error:
        return str(error).removeprefix(f"{path.name}: ")
    except OSError as error:
        return error.strerror or str(error)
    problems = [(note.code, note.message) for note in judge_pixels(film)]
    if not problems:
        problems += _saturated(film.pixels)
        problems += gate(film) if gate is not None else []
    width, height = film.stored_size_px
    grey = Image.fromarray((film.pixels * 255).astype(np.uint8))
    thumbnail = np.asarray(grey.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX))
    return Looked(hashlib.sha256(content).hexdigest(), thumbnail, (height, width), tuple(problems))


def _saturated(pixels: npt.NDArray[np.float32]) -> list[tuple[str, str]]:
    middle = _middle(pixels)
    white, crowded = float((middle >= _WHITE).mean()), crowded_share(middle)
    if white > MAX_WHITE_SHARE:
        return [("saturated", f"{white:.0%} of the middle of the film are pure white")]
    if crowded > MAX_CROWDED_SHARE:
        return [("saturated", f"{crowded:.0%} of the middle of the film lie in {_STEPS} of 256 grey steps")]
    return []


def _middle(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rows, columns = (round(_BORDER * side) for side in pixels.shape)
    return pixels[rows : pixels.shape[0] - rows, columns : pixels.shape[1] - columns]


def crowded_share(pixels: npt.NDArray[np.float32]) -> float:
    """Return the largest share of pixels in neighbouring grey steps, black ones aside, in [0, 1]."""
    counts = np.bincount((pixels * 255).astype(np.int64).ravel(), minlength=256)[_DARK:]
    sums = np.concatenate([[0], np.cumsum(counts)])
    return float((sums[_STEPS:] - sums[:-_STEPS]).max() / pixels.size)
