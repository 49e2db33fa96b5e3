"""Collections of small films in one file, as MedMNIST publishes them: three splits of images with a label each."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import FloatImage

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
MAX_BYTES = 4_000_000_000


@dataclass(frozen=True, eq=False)
class SmallFilms:
    """One split.

    Attributes
    ----------
    pixels : (N, h, w) float32 in [0, 1]
        Bright = dense, row 0 superior.
    truth : (N,) bool
        Which films have the finding.
    """

    pixels: FloatImage
    truth: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Collection:
    """The three splits of a file, and what tells that it is the same file again."""

    name: str
    sha256: str
    train: SmallFilms
    val: SmallFilms
    test: SmallFilms

    @property
    def side_px(self) -> int:
        """The side of its films."""
        return int(self.test.pixels.shape[1])

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Films of each split, and how many have the finding."""
        parts = {"train": self.train, "validation": self.val, "test": self.test}
        return {name: {"films": len(part), "positive": int(part.truth.sum())} for name, part in parts.items()}

    def about(self, sources: tuple[str, ...]) -> dict[str, Any]:
        """Return what a run folder says of its films."""
        return {"file": self.name, "sha256": self.sha256, "splits": self.counts, "sources": list(sources)}


def read_collection(path: Path) -> Collection:
    """Read `<split>_images` and `<split>_labels` of an .npz file with two classes, 1 for the finding.

    Raises
    ------
    InputError
        The file cannot be read, has no such arrays, or holds something else than grey films with one label of 0 or 1.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} has more than {MAX_BYTES:,} bytes")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with np.load(path, allow_pickle=False) as arrays:
            found = {split: (arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in SPLITS}
    except KeyError as error:
        raise InputError(f"{path} is no collection in MedMNIST's layout: {error.args[0]}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as .npz: {error}") from error
    parts = {split: _split(*arrays, f"{path.name}, {split}") for split, arrays in found.items()}
    sides = {part.pixels.shape[1:] for part in parts.values()}
    if len(sides) != 1:
        raise InputError(f"{path}: its splits have films of different sizes")
    return Collection(path.name, sha256, parts["train"], parts["val"], parts["test"])


def _split(images: npt.NDArray[Any], labels: npt.NDArray[Any], place: str) -> SmallFilms:
    if images.ndim == 4 and images.shape[3] in (1, 3):
        # Grey films that somebody stored as colour have the same value in each channel.
        if images.shape[3] == 3 and not (images == images[..., :1]).all():
            raise InputError(f"{place}: the images are in colour")
        images = images[..., 0]
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise InputError(f"{place}: images of {images.dtype}, {images.shape}; (N, side, side) of uint8 is needed")
    if labels.size != len(images) or not np.isin(labels, (0, 1)).all():
        raise InputError(f"{place}: one label of 0 or 1 a film is needed")
    truth = labels.reshape(-1).astype(np.bool_)
    if not len(truth) or truth.all() or not truth.any():
        raise InputError(f"{place}: films of both classes are needed")
    return SmallFilms(images.astype(np.float32) / np.float32(255), truth)
