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
# Bright parts of the chest without any grey in them, as on films that were digitised too dark or windowed too hard.
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
    white = white_share(film.pixels)
    if not problems and white > MAX_WHITE_SHARE:
        problems.append(("saturated", f"{white:.0%} of the middle of the film are pure white"))
    if not problems and gate is not None:
        problems += gate(film)
    width, height = film.stored_size_px
    grey = Image.fromarray((film.pixels * 255).astype(np.uint8))
    thumbnail = np.asarray(grey.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX))
    return Looked(hashlib.sha256(content).hexdigest(), thumbnail, (height, width), tuple(problems))


def white_share(pixels: npt.NDArray[np.float32]) -> float:
    """Return the share of pure white in the middle of a film, in [0, 1]."""
    rows, columns = (round(_BORDER * side) for side in pixels.shape)
    middle = pixels[rows : pixels.shape[0] - rows, columns : pixels.shape[1] - columns]
    return float((middle >= _WHITE).mean()) if middle.size else 0.0
