"""Films drawn by a formula: two dark lungs, a heart, and in some lungs a bright shadow whose box is known."""

from pathlib import Path

import numpy as np
from PIL import Image

from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox, write_manifest
from lucidray.domain.vocabulary import LABELS

HEIGHT, WIDTH = 160, 140


def chest(shadow: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """Return (H, W) uint8; `shadow` is left, top, right, bottom."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.full((HEIGHT, WIDTH), 190.0)
    for centre in (42, 98):
        pixels[((columns - centre) / 24) ** 2 + ((rows - 75) / 55) ** 2 < 1] = 50
    pixels[((columns - 76) / 22) ** 2 + ((rows - 105) / 22) ** 2 < 1] = 200
    if shadow is not None:
        left, top, right, bottom = shadow
        pixels[top:bottom, left:right] = 170
    return pixels.astype(np.uint8)


def write_collection(folder: Path, films: int = 24) -> Path:
    """Write films and their manifest; every other film has a shadow, on alternating sides."""
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    for number in range(films):
        shadow = None
        if number % 2:
            left = 30 if number % 4 == 1 else 86
            shadow = (left, 60 + number % 3 * 10, left + 24, 90 + number % 3 * 10)
        Image.fromarray(chest(shadow)).save(images / f"film{number:02d}.png")
        truth = dict.fromkeys(LABELS, "negative")
        finding = ("Effusion", "Consolidation")[number // 2 % 2]
        if shadow is not None:
            truth[finding] = "positive"
        boxes = (PlacedBox(finding, tuple(map(float, shadow))),) if shadow else ()
        split = ("train", "train", "train", "train", "validation", "test")[number // 2 % 6]
        rows.append(ManifestFilm(f"film{number:02d}.png", f"p{number}", split, truth, boxes, view="PA"))
    write_manifest(Manifest(tuple(rows), images), folder / "manifest", {})
    return folder / "manifest"
