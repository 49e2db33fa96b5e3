"""The spatial manifest: one row a box, for whoever trains or measures pointing.

`phrase` is the sentence of the report that the box stands for; where a film has no report it is the name of the
finding, and `phrase_from` says which.
"""

import csv
from pathlib import Path

from lucidray.datasets.manifest import Manifest
from lucidray.domain.vocabulary import CODES
from lucidray.evaluation.localization import OPACITY

COLUMNS = ("film", "split", "finding", "x0_px", "y0_px", "x1_px", "y1_px", "phrase", "phrase_from", "origin")
_WORDS = {str(label): code.meaning for label, code in CODES.items()} | {OPACITY: "Lung opacity"}


def write_spatial(manifest: Manifest, path: Path) -> int:
    """Write all boxes of a manifest and return how many there are."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for film in manifest.films:
            for box in film.boxes:
                said = box.phrase or f"{_WORDS.get(box.finding, box.finding)}."
                edges = [f"{edge:g}" for edge in box.xyxy_px]
                origin = "report" if box.phrase else "finding"
                writer.writerow((film.film, film.split, box.finding, *edges, said, origin, box.origin))
                count += 1
    return count
