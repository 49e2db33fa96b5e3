"""Write the manifest that the small reader is trained on, from the project's own films: reports are composed from it.

    python tools/reader_films.py FILMS OUT

Labels of NIH ChestX-ray14 (mined from reports), boxes of radiologists (NIH 2017, RSNA 2018), and, from the drawn masks
of JSRT and the wingspan set, whether the heart is wider than half the thorax, with the heart's box where it is.
"""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from lucidray.datasets.manifest import SPLITS, Manifest, ManifestFilm, PlacedBox, write_manifest
from lucidray.domain.vocabulary import LABELS
from lucidray.training.films import split_of

_NAMES = {"Lung Opacity": "opacity", "Infiltrate": "Infiltration", "Pleural_Thickening": "Pleural Thickening"}
_LIMIT = 0.5  # of the cardiothoracic ratio
_OLDEST = 100  # years; ages above are slips of the keyboard in this collection


def nih(data: Path, source: str) -> list[ManifestFilm]:
    """Films with mined labels and drawn boxes."""
    boxes: dict[str, list[PlacedBox]] = {}
    for row in _rows(data / source / "boxes.csv"):
        x, y, width, height = (float(row[name]) for name in ("x", "y", "width", "height"))
        name = _NAMES.get(row["label"], row["label"])
        boxes.setdefault(row["image"], []).append(PlacedBox(name, (x, y, x + width, y + height)))
    films = []
    for row in _rows(data / source / "labels.csv"):
        said = set(row["finding_labels"].replace("_", " ").split("|"))
        age = float(row["age"]) if row["age"] else None
        films.append(
            ManifestFilm(
                film=f"{source}/images/{row['image']}",
                patient=row["patient_id"],
                split=split_of(row["patient_id"]),
                truth={label: "positive" if label in said else "negative" for label in LABELS},
                boxes=tuple(boxes.get(row["image"], ())),
                view=row["view"],
                age_years=age if age is not None and age <= _OLDEST else None,
                sex=row["sex"] or None,
                source=source,
                terms="NIH Clinical Center: free use with attribution",
            )
        )
    return films


def drawn(data: Path, source: str, terms: str) -> list[ManifestFilm]:
    """Films whose heart and lungs were outlined by hand."""
    films = []
    for path in sorted((data / source / "images").iterdir()):
        masks = {
            organ: np.asarray(Image.open(found).convert("L")) > 0
            for organ in ("heart", "left_lung", "right_lung")
            for found in (data / source / "masks" / organ).glob(f"{path.stem}.*")
        }
        if len(masks) < 3 or not all(mask.any() for mask in masks.values()):
            continue
        width, height = Image.open(path).size
        rows, columns = masks["heart"].shape
        heart_y, heart_x = np.nonzero(masks["heart"])
        lung_x = np.nonzero(masks["left_lung"] | masks["right_lung"])[1]
        ratio = (heart_x.max() + 1 - heart_x.min()) / (lung_x.max() + 1 - lung_x.min())
        box = (
            float(heart_x.min() * width / columns),
            float(heart_y.min() * height / rows),
            float((heart_x.max() + 1) * width / columns),
            float((heart_y.max() + 1) * height / rows),
        )
        large = ratio > _LIMIT
        films.append(
            ManifestFilm(
                film=f"{source}/images/{path.name}",
                patient=f"{source}-{path.stem}",
                split=split_of(f"{source}-{path.stem}"),
                truth={"Cardiomegaly": "positive" if large else "negative"},
                boxes=(PlacedBox("Cardiomegaly", box),) if large else (),
                view="PA",
                source=source,
                terms=terms,
            )
        )
    return films


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(data: Path, out: Path) -> None:
    """Write the manifest and say what is in it."""
    films = [*nih(data, "nih"), *nih(data, "nih_small")]
    films += [*drawn(data, "jsrt", "research use"), *drawn(data, "wingspan", "MIT")]
    write_manifest(Manifest(tuple(films), data), out, {"tool": "tools/reader_films.py"})
    for split in SPLITS:
        some = [film for film in films if film.split == split]
        boxes = Counter(box.finding for film in some for box in film.boxes)
        print(json.dumps({"split": split, "films": len(some), "boxes": boxes}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
