"""CheXpert: train.csv, valid.csv and the test labels; the folder in a film's path is the collection's own split.

Irvin et al., AAAI 2019
"""

from dataclasses import replace
from pathlib import PurePosixPath

from lucidray.datasets.entry import Gathered, Inputs, read_entries
from lucidray.datasets.manifest import Split
from lucidray.evaluation.label_files.table import parse_split


def gather(inputs: Inputs) -> Gathered:
    """Read the label files."""
    gathered = read_entries(inputs, "chexpert")
    gathered.entries = [replace(entry, split=_split(entry.label.image)) for entry in gathered.entries]
    return gathered


def _split(image: str) -> Split | None:
    named = (parse_split(part) for part in PurePosixPath(image).parts)
    return next((split for split in named if split is not None), None)
