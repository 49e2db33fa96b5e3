"""Films of a prepared collection as a network of timm sees them, with what is known of each.

Every film goes the way that it goes when it is read: `imaging.film.read_film`, then `models.preparation`, which the
exported card repeats. Decoded films are kept on disk at the network's size.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageFilter
from torch.utils.data import Dataset

from lucidray.datasets.manifest import SPLITS, Manifest, ManifestFilm
from lucidray.domain.errors import InputError, UsageError
from lucidray.imaging.film import read_film
from lucidray.models.preparation import Preparation
from lucidray.training.augment import Geometry
from lucidray.training.backbone_config import Uncertain

Array = npt.NDArray[np.float32]
_STEP = 100  # films between two lines of progress


@dataclass(frozen=True, eq=False)
class Films:
    """The films of a run.

    Attributes
    ----------
    rows : tuple of ManifestFilm
    pixels : (N, S, S) uint8
        As the network sees them, before `mean` and `std`.
    truth : (N, K) float32
        1, 0, or NaN where nothing is known, one column an output.
    outputs : tuple of str
    """

    rows: tuple[ManifestFilm, ...]
    pixels: npt.NDArray[np.uint8]
    truth: Array
    outputs: tuple[str, ...]

    def of(self, split: str) -> npt.NDArray[np.int64]:
        """Return the rows of one split, with or without labels."""
        return np.array([row for row, film in enumerate(self.rows) if film.split == split], dtype=np.int64)

    @property
    def learnt_from(self) -> list[str]:
        """Names of the collections whose films taught or chose the weights; empty where a film names none."""
        names = {film.source for film in self.rows if film.split != "test"}
        return [] if "" in names else sorted(names)

    @property
    def patients(self) -> npt.NDArray[np.str_]:
        """Whose film each row is."""
        return np.array([film.patient for film in self.rows], dtype=np.str_)


def limited(manifest: Manifest, limit: int | None) -> Manifest:
    """Take `limit` films a split, spread evenly."""
    if limit is None:
        return manifest
    kept: list[ManifestFilm] = []
    for split in SPLITS:
        films = manifest.of(split)
        count = min(limit, len(films))
        kept += [films[place * len(films) // count] for place in range(count)]
    return Manifest(tuple(kept), manifest.images)


def truth_of(films: Sequence[ManifestFilm], outputs: Sequence[str], uncertain: Uncertain) -> Array:
    """Return (N, K): 1, 0, or NaN where nobody spoke of a finding, or where what is uncertain is left out."""
    doubt = {"leave-out": np.nan, "positive": 1.0, "negative": 0.0}[uncertain]
    value = {"positive": 1.0, "negative": 0.0, "uncertain": doubt}
    rows = [[value[film.truth[name]] if name in film.truth else np.nan for name in outputs] for film in films]
    return np.array(rows, dtype=np.float32).reshape(len(films), len(outputs))


def taught(films: Sequence[ManifestFilm], wanted: Sequence[str], uncertain: Uncertain, least: int) -> tuple[str, ...]:
    """Return the outputs that the training films can teach: at least so many positive and so many negative films.

    Raises
    ------
    UsageError
        None can be taught.
    """
    truth = truth_of(films, wanted, uncertain)
    positive, negative = (truth == 1).sum(axis=0), (truth == 0).sum(axis=0)
    kept = tuple(name for name, a, b in zip(wanted, positive, negative, strict=True) if min(a, b) >= least)
    if not kept:
        most = max(zip(wanted, positive, negative, strict=True), key=lambda one: min(one[1], one[2]))
        raise UsageError(
            f"no output can be taught: each needs {least} positive and {least} negative training films;"
            f" {most[0]} has {most[1]} and {most[2]}"
        )
    return kept


def prepared(
    manifest: Manifest,
    outputs: tuple[str, ...],
    uncertain: Uncertain,
    preparation: Preparation,
    cache: Path,
    say: Callable[[str], None],
) -> Films:
    """Decode every film once; the decoded films are kept in `cache` and taken from there when nothing has changed.

    Raises
    ------
    InputError
        A film cannot be read: `lucidray data prepare` drops such films and says so.
    """
    side = preparation.size[0]
    named = "\n".join(f"{film.film} {_stamp(manifest.path(film))}" for film in manifest.films)
    key = hashlib.sha256(f"{preparation.fit} {side} {manifest.images.resolve()}\n{named}".encode()).hexdigest()[:16]
    path = cache / f"films-{side}-{key}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        store = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(manifest.films), side, side))
        for row, film in enumerate(manifest.films):
            store[row] = seen(manifest.path(film), preparation)
            if (row + 1) % _STEP == 0:
                say(f"decoded {row + 1:,} of {len(manifest.films):,} films")
        store.flush()
        del store
        part.replace(path)
    return Films(manifest.films, np.load(path, mmap_mode="r"), truth_of(manifest.films, outputs, uncertain), outputs)


def seen(path: Path, preparation: Preparation) -> npt.NDArray[np.uint8]:
    """Read a film as the network sees it, (S, S) uint8, before `mean` and `std`."""
    try:
        film = read_film(path)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    plain = Preparation(preparation.size, channels=1, fit=preparation.fit, interpolation=preparation.interpolation)
    small, _ = plain.apply(film.pixels)
    return np.asarray(np.rint(255 * small[0, 0]), dtype=np.uint8)


def vary(pixels: npt.NDArray[np.uint8], rng: np.random.Generator, mirror_share: float) -> Array:
    """Vary a film as hospitals vary them: place, turn, blur, grey values; (S, S) uint8 to (S, S) float32 in [0, 1].

    Grey values stay where the preparation puts them: nothing is stretched that is not stretched when a film is read.
    """
    size = pixels.shape[0]
    image = Geometry.draw(rng, mirror_share).apply(Image.fromarray(pixels), size)
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.3)) * size / 224))
    film = np.asarray(image, dtype=np.float32) / 255
    if rng.random() < 0.5:
        film = film ** np.float32(np.exp(rng.uniform(-0.3, 0.3)))
    if rng.random() < 0.5:
        film = (film - 0.5) * np.float32(rng.uniform(0.85, 1.15)) + 0.5 + np.float32(rng.uniform(-0.08, 0.08))
    if rng.random() < 0.3:
        film = film + rng.normal(0.0, rng.uniform(0.0, 0.03), film.shape).astype(np.float32)
    return np.asarray(np.clip(film, 0.0, 1.0), dtype=np.float32)


class Shown(Dataset[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]):
    """Rows of the films as tensors, varied where `seed` is given: each by its own numbers, whatever the order.

    Each item is the film, (C, S, S) after `mean` and `std`, its truth, (K,) with NaN where unknown, and its row.
    """

    def __init__(
        self,
        films: Films,
        rows: npt.NDArray[np.int64],
        preparation: Preparation,
        *,
        seed: int | None = None,
        mirror_share: float = 0.0,
    ) -> None:
        self._films, self._rows, self._seed, self._mirror_share = films, rows, seed, mirror_share
        self.epoch = 0
        self._mean, self._std = (
            np.broadcast_to(np.asarray(values, dtype=np.float32), (preparation.channels,)).reshape(-1, 1, 1)
            for values in (preparation.mean, preparation.std)
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        row = int(self._rows[index])
        pixels = np.asarray(self._films.pixels[row])
        if self._seed is None:
            film = np.asarray(pixels / np.float32(255), dtype=np.float32)
        else:
            film = vary(pixels, np.random.default_rng((self._seed, self.epoch, row)), self._mirror_share)
        tensor = torch.from_numpy(np.ascontiguousarray((film[None] - self._mean) / self._std, dtype=np.float32))
        return tensor, torch.from_numpy(self._films.truth[row].copy()), torch.tensor(row)


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"{path} is in the manifest and cannot be read: {error.strerror}") from error
    return f"{stat.st_size} {stat.st_mtime_ns}"
