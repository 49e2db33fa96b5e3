"""Films that are there twice, and films that look like the same person.

Exact copies have one SHA-256. Copies that were resized or compressed anew are found on thumbnails in two steps: the
films' broad shapes are correlated (32 px), and of what agrees the fine structure (64 px without its local mean). On the
project's own folders copies reach 0.95 and more in the second, other films of the same person 0.3 to 0.85, and no two
films of different people 0.5. Mirrored or cropped copies are not found.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

COARSE, COPY, SAME_PERSON = 0.97, 0.90, 0.60
_COARSE_PX = 32
_RADIUS = 3
_BLOCK = 2000

_Float = npt.NDArray[np.float32]


class Pair(NamedTuple):
    """Two films by their place in the list, and how alike their fine structure is, in [-1, 1]."""

    first: int
    second: int
    likeness: float


def exact(hashes: Sequence[str]) -> list[list[int]]:
    """Return groups of places that share a hash."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, digest in enumerate(hashes):
        places[digest].append(place)
    return [group for group in places.values() if len(group) > 1]


def alike(thumbnails: npt.NDArray[np.uint8]) -> list[Pair]:
    """Return pairs of films that look like copies, or like the same person.

    Parameters
    ----------
    thumbnails : (N, 64, 64) uint8
    """
    if len(thumbnails) < 2:
        return []
    side = thumbnails.shape[1]
    factor = side // _COARSE_PX
    coarse = thumbnails.reshape(-1, _COARSE_PX, factor, _COARSE_PX, factor).mean(axis=(2, 4), dtype=np.float32)
    shapes = _unit(coarse)
    found: list[Pair] = []
    for start in range(0, len(shapes), _BLOCK):
        block = shapes[start : start + _BLOCK]
        for other in range(start, len(shapes), _BLOCK):
            # An inverted copy correlates with -1.
            rows, columns = np.nonzero(np.abs(block @ shapes[other : other + _BLOCK].T) >= COARSE)
            pairs = [(start + int(row), other + int(column)) for row, column in zip(rows, columns, strict=True)]
            found += _confirmed(thumbnails, [pair for pair in pairs if pair[0] < pair[1]])
    return sorted(found, key=lambda pair: -abs(pair.likeness))


def _confirmed(thumbnails: npt.NDArray[np.uint8], pairs: list[tuple[int, int]]) -> list[Pair]:
    found = []
    for start in range(0, len(pairs), _BLOCK):
        some = pairs[start : start + _BLOCK]
        first = fine(thumbnails[[pair[0] for pair in some]])
        second = fine(thumbnails[[pair[1] for pair in some]])
        for pair, likeness in zip(some, (first * second).sum(axis=1), strict=True):
            if abs(likeness) >= SAME_PERSON:
                found.append(Pair(*pair, round(float(likeness), 3)))
    return found


def fine(thumbnails: npt.NDArray[np.uint8]) -> _Float:
    """Return (N, side²) unit vectors of what is left of thumbnails without their local mean."""
    films = thumbnails.astype(np.float32)
    span = 2 * _RADIUS + 1
    padded = np.pad(films, ((0, 0), (_RADIUS, _RADIUS), (_RADIUS, _RADIUS)), mode="edge")
    rows = sum(padded[:, shift : shift + films.shape[1], :] for shift in range(span))
    assert not isinstance(rows, int)  # noqa: S101 - `span` is not zero
    means = sum(rows[:, :, shift : shift + films.shape[2]] for shift in range(span))
    return _unit(films - means / span**2)


def _unit(films: _Float) -> _Float:
    flat = films.reshape(len(films), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    # A blank film is like no other.
    units: _Float = np.divide(flat, norms, out=np.zeros_like(flat), where=norms > 1e-3)
    return units
