"""Films with boxes, letterboxed as they are when a detector reads them, and what is drawn on each."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import Dataset

from lucidray.datasets.manifest import SPLITS, Manifest, ManifestFilm
from lucidray.domain.box import Box
from lucidray.domain.errors import InputError, UsageError
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY
from lucidray.imaging.film import read_film
from lucidray.models.detector_boxes import letterboxed
from lucidray.training.run_folder import Report

FILL = 114 / 255
_LEAST_SHARE = 0.4  # of a box that has to stay on the picture when a film is moved
_LEAST_PX = 2.0
Target = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class BoxedFilms:
    """The films of a run.

    Attributes
    ----------
    rows : tuple of ManifestFilm
        Those with boxes of a class, and those without any abnormality.
    pixels : (N, S, S) uint8
        Letterboxed.
    boxes : tuple of (M, 4) float32
        Corners in pixels of the picture.
    classes : tuple of (M,) int64
    names : tuple of str
        Of the classes.
    """

    rows: tuple[ManifestFilm, ...]
    pixels: npt.NDArray[np.uint8]
    boxes: tuple[npt.NDArray[np.float32], ...]
    classes: tuple[npt.NDArray[np.int64], ...]
    names: tuple[str, ...]

    def of(self, split: str) -> npt.NDArray[np.int64]:
        """Return the rows of one split."""
        return np.array([row for row, film in enumerate(self.rows) if film.split == split], dtype=np.int64)

    @property
    def side(self) -> int:
        """Of the picture, in pixels."""
        return int(self.pixels.shape[1])


def classes_of(manifest: Manifest, least: int) -> tuple[str, ...]:
    """Return the findings that have at least `least` training boxes, most boxes first.

    Raises
    ------
    UsageError
        None has.
    """
    counts = Counter(box.finding for film in manifest.of("train") for box in film.boxes)
    names = tuple(name for name, count in counts.most_common() if count >= least)
    if not names:
        told = ", ".join(f"{name} {count}" for name, count in counts.most_common(5)) or "none at all"
        raise UsageError(f"no finding has {least} training boxes (there are: {told}); --min-boxes asks for fewer")
    return names


def chosen(manifest: Manifest, names: Sequence[str], normals: float, limit: int | None) -> Manifest:
    """Take the films that can teach or test a detector.

    A film without boxes is no film without findings: where nobody drew any, nothing is known. Films with a box of a
    class are taken, and of those that are called normal so many for each as `normals` says, evenly spread.
    """
    kept: list[ManifestFilm] = []
    for split in SPLITS:
        films = manifest.of(split)
        boxed = _spread([film for film in films if any(box.finding in names for box in film.boxes)], limit)
        normal = [film for film in films if not film.boxes and film.truth.get(ANY_ABNORMALITY) == "negative"]
        kept += boxed + _spread(normal, round(normals * len(boxed)))
    return Manifest(tuple(kept), manifest.images)


def prepared(manifest: Manifest, names: tuple[str, ...], size: int, cache: Path, say: Report) -> BoxedFilms:
    """Decode every film once; the decoded films are kept in `cache`.

    Raises
    ------
    InputError
        A film cannot be read, or is not of the size that its boxes are in.
    """
    paths = [manifest.path(film) for film in manifest.films]
    named = "\n".join(f"{film.film} {path.stat().st_size}" for film, path in zip(manifest.films, paths, strict=True))
    key = hashlib.sha256(f"{size} {manifest.images.resolve()}\n{named}".encode()).hexdigest()[:16]
    path = cache / f"boxed-{size}-{key}.npz"
    if not path.exists():
        pixels = np.zeros((len(paths), size, size), dtype=np.uint8)
        shapes = np.zeros((len(paths), 2), dtype=np.int64)
        for row, each in enumerate(paths):
            try:
                film = read_film(each).pixels
            except InputError as error:
                raise InputError(f"{each.name}: {error}") from error
            shapes[row] = film.shape
            pixels[row] = np.rint(255 * letterboxed(film, (size, size), FILL)[0])
            if (row + 1) % 100 == 0:
                say(f"decoded {row + 1:,} of {len(paths):,} films")
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, pixels=pixels, shapes=shapes)
        part.replace(path)
    with np.load(path, allow_pickle=False) as found:
        pixels, shapes = found["pixels"], found["shapes"]
    placed = [_on_picture(film, shape, size, names) for film, shape in zip(manifest.films, shapes, strict=True)]
    return BoxedFilms(
        manifest.films, pixels, tuple(boxes for boxes, _ in placed), tuple(numbers for _, numbers in placed), names
    )


def _on_picture(
    film: ManifestFilm, shape: npt.NDArray[np.int64], size: int, names: Sequence[str]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    height, width = (int(side) for side in shape)
    if film.size_px is not None and film.size_px != (height, width):
        raise InputError(f"{film.film} is {width} by {height} pixels; its boxes are in {film.size_px[::-1]}")
    boxes, numbers = [], []
    for one in film.boxes:
        if one.finding not in names:
            continue
        left, top, right, bottom = one.xyxy_px
        if right > width + 1 or bottom > height + 1:
            raise InputError(f"{film.film}: a box of {one.finding} reaches beyond the film")
        boxes.append(to_picture(Box(left, top, right, bottom), height, width, size))
        numbers.append(names.index(one.finding))
    return (
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(numbers, dtype=np.int64),
    )


def to_picture(box: Box, height: int, width: int, size: int) -> Box:
    """Bring a box on a film to the picture that `letterboxed` makes of it."""
    scale = min(size / height, size / width)
    high, wide = max(1, min(size, round(height * scale))), max(1, min(size, round(width * scale)))
    left, top = (size - wide) // 2, (size - high) // 2
    moved = box.scaled(wide / width, high / height)
    return Box(moved.x0 + left, moved.y0 + top, moved.x1 + left, moved.y1 + top)


def vary(
    pixels: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
    rng: np.random.Generator,
    shift: float,
    zoom: float,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Move, scale and re-grey a film with its boxes; never mirrored.

    Returns
    -------
    film : (S, S) float32 in [0, 1]
    boxes : (M, 4) float32
        Clipped; a box of which little is left is dropped.
    classes : (M,) int64
    """
    side = pixels.shape[0]
    scale = float(np.exp(rng.uniform(-zoom, zoom)))
    across, down = (float(value) for value in rng.uniform(-shift, shift, 2) * side)
    # From the picture that comes out to the one that goes in, about the centre.
    a = 1 / scale
    c, f = side / 2 - a * (side / 2 + across), side / 2 - a * (side / 2 + down)
    image = Image.fromarray(pixels).transform(
        (side, side),
        Image.Transform.AFFINE,
        (a, 0.0, c, 0.0, a, f),
        Image.Resampling.BILINEAR,
        fillcolor=round(255 * FILL),
    )
    film = np.asarray(np.asarray(image) / np.float32(255), dtype=np.float32)
    if rng.random() < 0.5:
        film = np.asarray(film ** np.float32(np.exp(rng.uniform(-0.3, 0.3))), dtype=np.float32)
    moved = (boxes - np.array([c, f, c, f], dtype=np.float32)) / np.float32(a)
    clipped = np.clip(moved, 0, side)
    areas = [np.clip(each[:, 2:] - each[:, :2], 0, None).prod(axis=1) for each in (clipped, moved)]
    wide = (clipped[:, 2:] - clipped[:, :2]).min(axis=1, initial=np.inf) >= _LEAST_PX
    kept = (areas[0] >= _LEAST_SHARE * areas[1]) & wide
    return film, np.asarray(clipped[kept], dtype=np.float32), classes[kept]


class Shown(Dataset[tuple[torch.Tensor, Target, int]]):
    """Rows of the films as tensors, (3, S, S) in [0, 1], varied where `seed` is given; see `gathered` for batches."""

    def __init__(
        self,
        films: BoxedFilms,
        rows: npt.NDArray[np.int64],
        *,
        seed: int | None = None,
        shift: float = 0.0,
        zoom: float = 0.0,
    ) -> None:
        self._films, self._rows, self._seed, self._shift, self._zoom = films, rows, seed, shift, zoom
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, Target, int]:
        row = int(self._rows[index])
        pixels, boxes, classes = self._films.pixels[row], self._films.boxes[row], self._films.classes[row]
        if self._seed is None:
            film = pixels.astype(np.float32) / 255
        else:
            rng = np.random.default_rng((self._seed, self.epoch, row))
            film, boxes, classes = vary(pixels, boxes, classes, rng, self._shift, self._zoom)
        tensor = torch.from_numpy(np.repeat(film[None], 3, axis=0))
        return tensor, {"boxes": torch.from_numpy(boxes.copy()), "classes": torch.from_numpy(classes.copy())}, row


def gathered(items: list[tuple[torch.Tensor, Target, int]]) -> tuple[torch.Tensor, list[Target], torch.Tensor]:
    """Make a batch: films stacked, targets in a list, for films have different numbers of boxes."""
    films, targets, rows = zip(*items, strict=True)
    return torch.stack(films), list(targets), torch.tensor(rows)


def _spread(films: list[ManifestFilm], count: int | None) -> list[ManifestFilm]:
    if count is None or count >= len(films):
        return films
    return [films[place * len(films) // count] for place in range(count)]
