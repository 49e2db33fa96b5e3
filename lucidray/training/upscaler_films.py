"""Films that an upscaler learns from and is measured on, and the pairs of small and large that are made of them.

The small film of a pair is made by the filters that collections are made with (area average, Pillow's bicubic,
bilinear, Lanczos), then rounded to 8 bits, at times with a little noise or JPEG. Children and published case reports
are left out: the second-opinion study is made on children, and many case reports forbid commercial use. Films of 128 px
are measured on only: their JPEG blocks would be learnt as anatomy.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.domain.errors import InputError, UsageError
from lucidray.imaging.upscaling import lanczos
from lucidray.training.films import Film, FilmCache, film01, index, repeats, split_of
from lucidray.training.upscaler_network import FACTOR

Array = npt.NDArray[np.float32]

LARGE_SIDES_PX = (112, 128, 160, 192, 224, 256, 320, 384, 448, 512)
LABELLED = ("nih", "adult_normal")
OTHER = ("wingspan", "tuberculosis")
OUTSIDE = "jsrt"  # another country, another scanner: never trained on, measured apart
MEASURED_SMALL = "nih_small"
SMALL_FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BICUBIC,
    Image.Resampling.BILINEAR,
    Image.Resampling.LANCZOS,
)


@dataclass(frozen=True)
class UpscalerFilms:
    """The films of a run.

    Attributes
    ----------
    rows : list of Film
    cache : FilmCache
        Row for row as `rows`.
    dropped : int
        Films whose patient is not known and that nearly repeat a held-out film.
    """

    rows: list[Film]
    cache: FilmCache
    dropped: int

    def of(self, split: str, source: str | None = None) -> list[int]:
        """Rows of a split, of one source or of all."""
        return [
            row
            for row, film in enumerate(self.rows)
            if film.split == split and (source is None or film.source == source)
        ]

    def manifest(self) -> dict[str, object]:
        """Return what `data.json` holds: the count of each source and split, and one hash over films and splits."""
        lines: list[str] = []
        counts: dict[str, int] = {}
        for film in self.rows:
            digest = hashlib.sha256(film.path.read_bytes()).hexdigest()
            lines.append(f"{film.source}/{film.path.name},{film.patient},{film.split},{digest}\n")
            counts[f"{film.source} {film.split}"] = counts.get(f"{film.source} {film.split}", 0) + 1
        return {"sha256": hashlib.sha256("".join(lines).encode()).hexdigest(), "films": dict(sorted(counts.items()))}


def gather(data_dir: Path, cache_dir: Path, limit: int | None = None) -> UpscalerFilms:
    """List and decode the films, without near repeats of held-out ones.

    Parameters
    ----------
    data_dir, cache_dir : Path
    limit : int, optional
        At most this many films of each source and split.

    Raises
    ------
    InputError
        A folder of films is missing.
    UsageError
        No film is left to train on.
    """
    # Patients who are held out for the findings network are held out here: the same hash of the same id decides.
    rows = [film for film in index(data_dir) if film.source in (*LABELLED, MEASURED_SMALL)]
    rows = [film for film in rows if film.source != MEASURED_SMALL or film.split != "train"]
    for source in (*OTHER, OUTSIDE):
        rows.extend(_unlabelled(data_dir / source, source))
    if limit is not None:
        rows = _few(rows, limit)
    cache = FilmCache(rows, cache_dir)
    doubtful = set(repeats(rows, cache))
    if doubtful:
        rows = [film for row, film in enumerate(rows) if row not in doubtful]
        cache = FilmCache(rows, cache_dir)
    films = UpscalerFilms(rows, cache, len(doubtful))
    if not films.of("train") or not films.of("validation"):
        raise UsageError("no film to train on, or none to validate on: give more films, or a higher --limit")
    return films


def _unlabelled(folder: Path, source: str) -> list[Film]:
    if not (folder / "images").is_dir():
        raise InputError(f"training films are missing: there is no {folder / 'images'}")
    films = []
    for path in sorted((folder / "images").iterdir()):
        patient = f"{source}-{path.stem}"  # one film a person in these collections
        split = "test" if source == OUTSIDE else split_of(patient)
        films.append(Film(path, source, patient, "PA", split, (), ()))
    return films


def _few(rows: list[Film], limit: int) -> list[Film]:
    seen: dict[tuple[str, str], int] = {}
    kept = []
    for film in rows:
        seen[film.source, film.split] = seen.get((film.source, film.split), 0) + 1
        if seen[film.source, film.split] <= limit:
            kept.append(film)
    return kept


def at_side(pixels: npt.NDArray[np.uint8], side: int) -> Array:
    """Bring a film to a square of `side` pixels by area average, as (side, side) float32 in [0, 1].

    Raises
    ------
    ValueError
        The film is smaller than that.
    """
    if min(pixels.shape) < side:
        raise ValueError(f"a film of {pixels.shape} has no {side} pixels a side")
    image = Image.fromarray(film01(pixels)).resize((side, side), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float32)


def reduce(large: Array, side: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Array:
    """Make a square film of `side` pixels as collections of small films are made: filtered, rounded to 8 bits."""
    image = Image.fromarray(large).resize((side, side), how)
    small = np.clip(np.asarray(image, dtype=np.float32), 0.0, 1.0)
    return np.asarray(np.round(small * np.float32(255)) / np.float32(255), dtype=np.float32)


@dataclass(frozen=True)
class Pair:
    """A small film, its Lanczos interpolation and the film it was made of; (s, s), (4s, 4s), (4s, 4s) float32."""

    small: Array
    smooth: Array
    large: Array


def draw_pair(pixels: npt.NDArray[np.uint8], patch: int, rng: np.random.Generator) -> Pair:
    """Make one training pair: a film at a random size, reduced by a random filter, and a patch of it.

    Parameters
    ----------
    pixels : (H, W) uint8
        At least `LARGE_SIDES_PX[0]` a side.
    patch : int
        Side of the small patch, in pixels.
    rng : numpy Generator
    """
    possible = [side for side in LARGE_SIDES_PX if side <= min(pixels.shape) and side >= FACTOR * patch]
    side = int(rng.choice(possible))
    large = at_side(pixels, side)
    if rng.random() < 0.5:
        large = np.ascontiguousarray(large[:, ::-1])
    # Exposure varies between hospitals; what a film hides between its pixels does not.
    gain = np.float32(rng.uniform(0.6, 1.0))
    large = large * gain + np.float32(rng.uniform(0.0, 1.0)) * (1 - gain)
    small = _degraded(reduce(large, side // FACTOR, SMALL_FILTERS[rng.integers(len(SMALL_FILTERS))]), rng)
    smooth = lanczos(small, side, side)
    row, column = (int(rng.integers(0, side // FACTOR - patch + 1)) for _ in range(2))
    fine = (slice(FACTOR * row, FACTOR * (row + patch)), slice(FACTOR * column, FACTOR * (column + patch)))
    return Pair(small[row : row + patch, column : column + patch], smooth[fine], large[fine])


def _degraded(small: Array, rng: np.random.Generator) -> Array:
    if rng.random() < 0.15:
        small = small + rng.normal(0.0, rng.uniform(0.0, 0.01), small.shape).astype(np.float32)
    grey = np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.15:
        stream = io.BytesIO()
        Image.fromarray(grey).save(stream, "JPEG", quality=int(rng.integers(80, 96)))
        grey = np.asarray(Image.open(stream))
    return film01(grey)


def trainable(films: UpscalerFilms, rows: Sequence[int], patch: int) -> list[int]:
    """Return the rows whose films are large enough for a patch."""
    least = max(LARGE_SIDES_PX[0], FACTOR * patch)
    return [row for row in rows if min(films.cache.shapes[row]) >= least]
