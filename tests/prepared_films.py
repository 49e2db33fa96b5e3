"""A small prepared collection, written by the test: films of noise with a bright patch where something is."""

from pathlib import Path

import numpy as np
from PIL import Image

from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox, write_manifest

SIDE = 64


def prepared(folder: Path, count: int = 60, *, boxes: bool = True) -> Path:
    """Write films and their manifest; every other film has an effusion, low on the image's right, and a box."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    films = []
    for number in range(count):
        pixels = rng.integers(20, 110, (SIDE, SIDE), dtype=np.uint8)
        ill = number % 2 == 1
        x, y = 38 + int(rng.integers(0, 5)), 36 + int(rng.integers(0, 5))
        if ill:
            pixels[y : y + 18, x : x + 16] = 230
        Image.fromarray(pixels).save(images / f"{number}.png")
        split = ("train", "train", "train", "validation", "test")[(number // 2) % 5]
        drawn = (PlacedBox("Effusion", (float(x), float(y), float(x + 16), float(y + 18))),) if ill and boxes else ()
        # Of nodules nothing is known on a third of the films.
        truth = {"Effusion": "positive" if ill else "negative", "Any abnormality": "positive" if ill else "negative"}
        if number % 3:
            truth["Nodule"] = "positive" if number % 4 == 1 else "negative"
        films.append(
            ManifestFilm(
                f"{number}.png", f"p{number // 2}", split, truth, drawn, view="PA", age_years=50.0,
                source="drawn", size_px=(SIDE, SIDE),
            )
        )  # fmt: skip
    write_manifest(Manifest(tuple(films), images), folder, {"made": "by a test"})
    return folder
