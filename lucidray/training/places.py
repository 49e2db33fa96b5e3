"""Where on the training films evidence may lie: the chest as the anatomy network sees it, and boxes of radiologists."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lucidray.domain.box import Box
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.training.films import OUTPUTS, Film, FilmCache, film01

GRID = 56  # side of the masks, in cells
_REACH = 5  # cells around the segmented organs that still belong to the chest: pleura, angles, mediastinum

# Radiologists of RSNA 2018 boxed opacities that suggest pneumonia: the shadow that these five labels share.
OPACITY: tuple[Label, ...] = ("Infiltration", "Pneumonia", "Consolidation", "Atelectasis", "Edema")
_LABELS_OF_BOX: dict[str, tuple[Label, ...]] = {"Lung Opacity": OPACITY, "Infiltrate": ("Infiltration",)}

Segment = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class FilmBox:
    """A radiologist's box on a film.

    Attributes
    ----------
    row : int
        Of the film.
    labels : tuple of Label
        Findings whose evidence it holds.
    box : Box
        In shares of the film's width and height.
    source : str
        Who drew it.
    said : str
        What they called it.
    """

    row: int
    labels: tuple[Label, ...]
    box: Box
    source: str
    said: str


def film_boxes(data_dir: Path, films: Sequence[Film], shapes: Sequence[tuple[int, int]]) -> list[FilmBox]:
    """Read `nih/boxes.csv` and `nih_small/boxes.csv`; boxes of films that are not among `films` are left out.

    Parameters
    ----------
    data_dir : Path
    films : sequence of Film
    shapes : sequence of (height, width)
        Of each film, in the pixels that the boxes are in.
    """
    row_of = {(film.source, film.path.name): row for row, film in enumerate(films)}
    found = []
    for folder in ("nih", "nih_small"):
        with (data_dir / folder / "boxes.csv").open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                row = row_of.get((folder, line["image"]))
                if row is None:
                    continue
                said = line["label"].replace("_", " ")
                labels = _LABELS_OF_BOX.get(said) or tuple(label for label in LABELS if label == said)
                x, y, width, height = (float(line[key]) for key in ("x", "y", "width", "height"))
                side_y, side_x = shapes[row]
                box = Box(x / side_x, y / side_y, (x + width) / side_x, (y + height) / side_y)
                found.append(FilmBox(row, labels, box, line["source"], said))
    return found


@dataclass(frozen=True)
class Places:
    """Masks on the films.

    Attributes
    ----------
    chest : (N, GRID, GRID) uint8
        255 where evidence may lie.
    boxed : dict
        By row, the outputs whose boxes are known (K,), and for each the union of its boxes, (K, GRID, GRID) uint8.
    """

    chest: npt.NDArray[np.uint8]
    boxed: dict[int, tuple[tuple[int, ...], npt.NDArray[np.uint8]]]

    def masks(self, row: int) -> tuple[tuple[int, ...], npt.NDArray[np.uint8]]:
        """Return the outputs that have boxes on a film, and its masks: the chest, then one an output."""
        outputs, boxes = self.boxed.get(row, ((), np.zeros((0, GRID, GRID), dtype=np.uint8)))
        return outputs, np.concatenate([self.chest[row][None], boxes])


def find_places(data_dir: Path, films: list[Film], cache: FilmCache, folder: Path, segment: Segment) -> Places:
    """Segment every film once (kept in `folder`) and draw the boxes of training films.

    Parameters
    ----------
    data_dir : Path
    films : list of Film
    cache : FilmCache
    folder : Path
        Where the masks are kept.
    segment : callable
        From (H, W) float32 pixels in [0, 1] to organ masks (5, h, w).
    """
    names = hashlib.sha256("\n".join(f"{film.source}/{film.path.name}" for film in films).encode()).hexdigest()[:16]
    path = folder / f"chest-{names}.npy"
    if not path.exists():
        chest = np.stack([_chest(segment(film01(cache[row]))) for row in range(len(films))])
        part = path.with_suffix(".part.npy")
        np.save(part, chest)
        part.replace(path)
    boxes: dict[int, dict[int, npt.NDArray[np.uint8]]] = defaultdict(dict)
    for one in film_boxes(data_dir, films, cache.shapes):
        if films[one.row].split == "train":
            for label in one.labels:
                union = boxes[one.row].setdefault(OUTPUTS.index(label), np.zeros((GRID, GRID), dtype=np.uint8))
                np.maximum(union, _drawn(one.box), out=union)
    boxed = {row: (tuple(masks), np.stack(list(masks.values()))) for row, masks in boxes.items()}
    return Places(np.load(path), boxed)


def _chest(organs: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """All organs and what lies around them; the whole film where hardly anything was found."""
    union = np.asarray(organs.any(axis=0))
    rows, columns = (np.minimum((np.arange(GRID) + 0.5) / GRID * side, side - 1).astype(int) for side in union.shape)
    small = union[np.ix_(rows, columns)]
    if small.mean() < 0.05:
        return np.full((GRID, GRID), 255, dtype=np.uint8)
    return (ndimage.binary_dilation(small, iterations=_REACH) * 255).astype(np.uint8)


def _drawn(box: Box) -> npt.NDArray[np.uint8]:
    """Draw a box on the grid, at least one cell of it."""
    centres = (np.arange(GRID) + 0.5) / GRID
    half = 0.5 / GRID
    rows = (centres >= box.y0 - half) & (centres <= box.y1 + half)
    columns = (centres >= box.x0 - half) & (centres <= box.x1 + half)
    return ((rows[:, None] & columns) * 255).astype(np.uint8)
