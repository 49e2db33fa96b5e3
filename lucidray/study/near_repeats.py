"""Small films that are the same picture as a large one: whether films that a model was trained on are among the test's.

MedMNIST cuts the middle square out of a film and brings it to 28 pixels. A film that was stretched to a square since
has lost its shape, so that several widths of the middle are tried. Equal pictures correlate over 0.99; different films
of different children reach 0.95.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import FloatImage
from lucidray.imaging.film import read_film
from lucidray.study.small_films import Collection

SAME = 0.985
_SHARES = np.arange(0.5, 1.001, 0.05)
_ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".dcm"}


class Repeats(BaseModel):
    """How many films of each split repeat one of a folder's, and how alike the most alike test film is.

    `train_repeats` is the control: where the folder is of the same collection and none is found there either, the
    comparison may be blind.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    folder: str
    films: int
    least_correlation: float
    test_repeats: int
    test_films: int
    train_repeats: int
    train_films: int
    highest_in_test: float


def near_repeats(films: Collection, folder: Path) -> Repeats:
    """Hold every film of a folder against the training and the test films.

    Raises
    ------
    InputError
        The folder holds no films, or one of them cannot be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not paths:
        raise InputError(f"{folder} holds no films")
    test, train = _normalised(films.test.pixels), _normalised(films.train.pixels)
    in_test, in_train = np.full(len(test), -1.0), np.full(len(train), -1.0)
    for path in paths:
        made = _normalised(np.stack(list(thumbnails(read_film(path).pixels, films.side_px))))
        in_test = np.maximum(in_test, (test @ made.T).max(axis=1))
        in_train = np.maximum(in_train, (train @ made.T).max(axis=1))
    return Repeats(
        folder=folder.name,
        films=len(paths),
        least_correlation=SAME,
        test_repeats=int((in_test >= SAME).sum()),
        test_films=len(test),
        train_repeats=int((in_train >= SAME).sum()),
        train_films=len(train),
        highest_in_test=round(float(in_test.max()), 4),
    )


def thumbnails(pixels: FloatImage, side: int) -> Iterable[FloatImage]:
    """Make a film small as MedMNIST does; of a square one, every shape that it may have had.

    Parameters
    ----------
    pixels : (H, W) float32 in [0, 1]
    side : int
        Of the result, in pixels.

    Yields
    ------
    (side, side) float32
    """
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    width, height = image.size
    short = min(width, height)
    boxes: set[tuple[float, float, float, float]] = {((width - short) / 2, (height - short) / 2, short, short)}
    if width == height:
        for share in _SHARES:
            part = min(width * float(share), width)
            boxes |= {((width - part) / 2, 0.0, part, height), (0.0, (height - part) / 2, width, part)}
    for left, top, wide, high in sorted(boxes):
        box = (max(left, 0.0), max(top, 0.0), min(left + wide, width), min(top + high, height))
        small = image.resize((side, side), Image.Resampling.BICUBIC, box=box)
        yield np.asarray(small, dtype=np.float32)


def _normalised(films: FloatImage) -> npt.NDArray[np.float64]:
    """Return (N, h * w) with mean 0 and length 1, so that a product is a correlation."""
    flat = films.reshape(len(films), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length > 0, length, 1)
