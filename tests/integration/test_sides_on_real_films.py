"""Sides stay the patient's: training may show films mirrored, so real films say whether left and right survived it."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lucidray
from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import Side

OPACITY = {"Infiltration", "Pneumonia", "Consolidation", "Atelectasis", "Edema"}


@pytest.fixture(scope="module")
def reader() -> lucidray.Lucidray:
    return lucidray.load()


def one_sided(data_dir: Path) -> list[tuple[Path, Side]]:
    """Films whose boxed opacities all lie well on one side, and the patient's side of it."""
    middles = defaultdict(list)
    with (data_dir / "nih" / "boxes.csv").open() as file:
        for row in csv.DictReader(file):
            if row["source"] == "RSNA 2018":
                middles[row["image"]].append((float(row["x"]) + float(row["width"]) / 2) / 512)
    films: list[tuple[Path, Side]] = []
    for image, shares in sorted(middles.items()):
        if max(shares) < 0.4 or min(shares) > 0.6:
            films.append((data_dir / "nih" / "images" / image, "right" if max(shares) < 0.4 else "left"))
    return films


def side_of(reading: Reading) -> Side | None:
    """The side of the first region of the likeliest opacity that has one."""
    found = [f for f in reading.findings if f.label in OPACITY and f.regions and f.probability is not None]
    return max(found, key=lambda f: (f.probability or 0) / (f.threshold or 1)).regions[0].side if found else None


def test_regions_lie_on_the_side_of_the_radiologists_box(reader: lucidray.Lucidray, data_dir: Path) -> None:
    films = one_sided(data_dir)[:30]
    assert {side for _, side in films} == {"left", "right"}
    told = [(side_of(reader.read(path)), side) for path, side in films]
    answered = [(said, side) for said, side in told if said in ("left", "right")]
    assert len(answered) >= 0.6 * len(films)
    assert sum(said == side for said, side in answered) >= 0.75 * len(answered)


def test_a_mirrored_film_gets_the_mirrored_sides(reader: lucidray.Lucidray, data_dir: Path) -> None:
    swap = {"left": "right", "right": "left"}
    agreed = []
    for path, _ in one_sided(data_dir)[:12]:
        pixels = np.asarray(Image.open(path).convert("L"))
        straight, mirrored = (side_of(reader.read(np.ascontiguousarray(each))) for each in (pixels, pixels[:, ::-1]))
        if straight in swap and mirrored in swap:
            agreed.append(mirrored == swap[straight])
    assert len(agreed) >= 4
    assert np.mean(agreed) >= 0.7
