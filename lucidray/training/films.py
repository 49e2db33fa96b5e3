"""The training films: one row a film, split by patient, decoded once into one file.

Three facts shape this file: `nih_small` and `nih` share patients, so the split hashes the patient and ignores the
folder; `adult_normal` names no patient, so it trains only, and only where it does not nearly repeat a film that is held
out; children are read by one output of their own.
"""

import csv
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.datasets.manifest import Split
from lucidray.datasets.split import split_of
from lucidray.domain.errors import InputError, UsageError
from lucidray.domain.vocabulary import LABELS
from lucidray.models.prepare import square

ANY_ABNORMALITY = "Any abnormality"
CHILD_PNEUMONIA = "Pneumonia in a child"
OUTPUTS: tuple[str, ...] = (*LABELS, ANY_ABNORMALITY, CHILD_PNEUMONIA)

DUPLICATE_CORRELATION = 0.985
_THUMBNAIL_PX = 32


@dataclass(frozen=True)
class Film:
    """One film and what is known of it.

    `targets` and `known` have one entry per output: 1 or 0, and whether anybody said so. `follow_up` orders the films
    of a patient; `age_years` and `sex` ("M", "F") are None where nobody said.
    """

    path: Path
    source: str
    patient: str
    view: str
    split: Split
    targets: tuple[int, ...]
    known: tuple[bool, ...]
    follow_up: int = 0
    age_years: float | None = None
    sex: str | None = None


def index(data_dir: Path) -> list[Film]:
    """List every film that the findings network may learn from or be measured on.

    Near repeats of held-out films are still in the list: see `without_repeats`.

    Parameters
    ----------
    data_dir : Path
        Holds `nih_small`, `nih`, `adult_normal` and `paediatric`.

    Raises
    ------
    InputError
        A folder or its labels are missing.
    """
    try:
        return _index(data_dir)
    except FileNotFoundError as error:
        raise InputError(f"training films are missing: there is no {error.filename}") from error


def _index(data_dir: Path) -> list[Film]:
    films = [*_nih(data_dir / "nih_small"), *_nih(data_dir / "nih")]
    children = data_dir / "paediatric"
    for row in _rows(children / "labels.csv"):
        patient = f"child-{row['patient']}"
        targets, known = [0] * len(OUTPUTS), [False] * len(OUTPUTS)
        targets[-1], known[-1] = int(row["label"] == "pneumonia"), True
        path = children / "images" / row["image"]
        films.append(Film(path, "paediatric", patient, "PA", split_of(patient), tuple(targets), tuple(known)))
    films.extend(_feedback(data_dir / "feedback"))
    normal = tuple([0] * len(OUTPUTS))
    adult = tuple([True] * (len(OUTPUTS) - 1) + [False])
    for path in sorted((data_dir / "adult_normal" / "images").iterdir()):
        films.append(Film(path, "adult_normal", f"unknown-{path.stem}", "", "train", normal, adult))
    return films


def _nih(folder: Path) -> list[Film]:
    films = []
    for row in _rows(folder / "labels.csv"):
        said = set(row["finding_labels"].replace("_", " ").split("|"))
        targets = [int(label in said) for label in LABELS]
        mined = int(any(targets))
        # Radiologists read some films again. Where they disagree with the mined report, nobody knows whether the film
        # is normal, and the film says nothing about that output.
        read_again = row.get("rsna_class", "")
        agreed = read_again == "" or (read_again != "Normal") == bool(mined)
        films.append(
            Film(
                path=folder / "images" / row["image"],
                source=folder.name,
                patient=row["patient_id"],
                view=row["view"],
                split=split_of(row["patient_id"]),
                targets=(*targets, mined, 0),
                known=(*[True] * len(LABELS), agreed, False),
                follow_up=int(row["follow_up"]),
                # Ages above a hundred are slips of the keyboard in this collection.
                age_years=float(row["age"]) if row["age"] and float(row["age"]) <= 100 else None,
                sex=row["sex"] or None,
            )
        )
    return films


def _feedback(folder: Path) -> list[Film]:
    """List what people corrected (`lucidray export feedback`), where there is such a folder.

    They saw the model's answer first: such films train, and never measure. Only what they decided is known.
    """
    if not folder.is_dir():
        return []
    films = []
    for row in _rows(folder / "labels.csv"):
        said, decided = row["finding_labels"].split("|"), row["known_labels"].split("|")
        targets, known = [int(label in said) for label in LABELS], [label in decided for label in LABELS]
        abnormal = int(any(targets))
        films.append(
            Film(
                path=folder / "images" / row["image"],
                source="feedback",
                patient=row["patient_id"],
                view=row["view"],
                split="train",
                targets=(*targets, abnormal, 0),
                # One finding that is there makes a film abnormal; that some are not there does not make it normal.
                known=(*known, bool(abnormal), False),
                age_years=float(row["age"]) if row["age"] else None,
                sex=row["sex"] or None,
            )
        )
    return films


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class FilmCache:
    """Decoded films at their own size, one after the other in one uint8 file that is mapped, not read.

    The pixels are kept as they were, so that what a network is given differs in nothing from a film read from its file.
    """

    def __init__(self, films: list[Film], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"{film.source}/{film.path.name}" for film in films]
        key = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        pixels_path, shapes_path = folder / f"films-{key}.npy", folder / f"films-{key}.json"
        if not shapes_path.exists():
            _decode(films, pixels_path, shapes_path)
        self.shapes: list[tuple[int, int]] = [(height, width) for height, width in json.loads(shapes_path.read_text())]
        self._starts = np.concatenate([[0], np.cumsum([height * width for height, width in self.shapes])])
        self._pixels = np.load(pixels_path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, row: int) -> npt.NDArray[np.uint8]:
        """Return film `row` as (H, W) uint8, a copy."""
        return np.array(self._pixels[self._starts[row] : self._starts[row + 1]]).reshape(self.shapes[row])


def _decode(films: list[Film], pixels_path: Path, shapes_path: Path) -> None:
    shapes = []
    for film in films:
        with Image.open(film.path) as image:
            shapes.append((image.height, image.width))
    total = sum(height * width for height, width in shapes)
    pixels = np.lib.format.open_memmap(pixels_path, mode="w+", dtype=np.uint8, shape=(total,))
    start = 0
    for film, (height, width) in zip(films, shapes, strict=True):
        with Image.open(film.path) as image:
            pixels[start : start + height * width] = np.asarray(image.convert("L")).ravel()
        start += height * width
    pixels.flush()
    # The shapes are written last: their presence says that the pixels are whole.
    shapes_path.write_text(json.dumps(shapes))


def film01(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Grey values 0 to 255 as float32 in [0, 1], as `imaging` gives an 8-bit film."""
    return pixels.astype(np.float32) / np.float32(255.0)


def repeats(films: list[Film], cache: FilmCache) -> list[int]:
    """Rows of `adult_normal` and `feedback` that nearly repeat a held-out film.

    Two films repeat each other where the correlation of their 32-px thumbnails exceeds `DUPLICATE_CORRELATION`.
    """
    held_out = [row for row, film in enumerate(films) if film.split != "train" and film.source.startswith("nih")]
    unknown = [row for row, film in enumerate(films) if film.source in ("adult_normal", "feedback")]
    if not held_out or not unknown:
        return []
    correlation = _thumbnails(unknown, cache) @ _thumbnails(held_out, cache).T
    return [row for row, best in zip(unknown, correlation.max(axis=1), strict=True) if best > DUPLICATE_CORRELATION]


def _thumbnails(rows: list[int], cache: FilmCache) -> npt.NDArray[np.float32]:
    flat = np.stack([square(film01(cache[row]), _THUMBNAIL_PX).ravel() for row in rows])
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6), dtype=np.float32)


@dataclass(frozen=True)
class Films:
    """The films of a run with their labels as arrays.

    Attributes
    ----------
    rows : list of Film
    cache : FilmCache
        Row for row as `rows`.
    targets : (N, 16) float32
    known : (N, 16) bool
        All False for a near repeat of a held-out film, so that nothing is learnt from it.
    dropped : int
        How many near repeats there are.
    """

    rows: list[Film]
    cache: FilmCache
    targets: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]
    dropped: int

    def of(self, split: Split) -> npt.NDArray[np.int64]:
        """Rows of a split."""
        return np.array([row for row, film in enumerate(self.rows) if film.split == split], dtype=np.int64)


def gather(data_dir: Path, cache_dir: Path, limit: int | None = None) -> Films:
    """Index and decode the films, without the near repeats of held-out films.

    Parameters
    ----------
    data_dir, cache_dir : Path
        Where the folders are; where decoded films are kept.
    limit : int, optional
        At most this many films, as many of each folder's splits as there are.

    Raises
    ------
    InputError
        A folder or its labels are missing.
    UsageError
        `limit` is too small to give every folder's splits a film.
    """
    films = index(data_dir)
    if limit is not None:
        films = _few(films, limit)
    cache = FilmCache(films, cache_dir)
    repeated = repeats(films, cache)
    known = np.array([film.known for film in films])
    known[repeated] = False
    targets = np.array([film.targets for film in films], dtype=np.float32)
    return Films(films, cache, targets, known, len(repeated))


def _few(films: list[Film], limit: int) -> list[Film]:
    """Take the first film of every folder's splits, then the second of each, and so on."""
    rank_of: list[int] = []
    seen: Counter[tuple[str, str]] = Counter()
    for film in films:
        rank_of.append(seen[film.source, film.split])
        seen[film.source, film.split] += 1
    if limit < len(seen):
        raise UsageError(f"a run needs at least {len(seen)} films, one of each folder and split")
    chosen = sorted(range(len(films)), key=rank_of.__getitem__)[:limit]
    return [films[place] for place in sorted(chosen)]


def folder_offsets(
    films: Films, train: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Log-odds of each output in each film's folder, relative to all training films; and the overall prevalence.

    Returns
    -------
    offsets : (N, 16) float32
        Zero for folders of one class and for outputs that a folder does not know.
    prevalence : (16,) float32
        Among training films where the output is known, kept inside (0, 1) by one film added to each class.
    """
    targets, known = films.targets[train], films.known[train]
    prevalence = _prevalence(targets, known)
    sources = np.array([film.source for film in films.rows])
    offsets = np.zeros_like(films.targets)
    for source in ("nih", "nih_small"):
        inside = sources[train] == source
        if inside.any():
            shift = _log_odds(_prevalence(targets[inside], known[inside])) - _log_odds(prevalence)
            offsets[sources == source] = np.where(known[inside].any(axis=0), shift, 0.0)
    return offsets, prevalence


def _prevalence(targets: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    return np.asarray(((targets * known).sum(axis=0) + 1) / (known.sum(axis=0) + 2), dtype=np.float32)


def _log_odds(p: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)
