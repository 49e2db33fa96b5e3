"""The label files of the collections themselves, as the torchxrayvision package carries them; skips without it."""

import csv
import gzip
from collections import Counter
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest

from lucidray.evaluation.label_files.read import read_labels


@pytest.fixture(scope="module")
def folder() -> Path:
    found = find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("needs the label files inside the torchxrayvision package")
    return Path(found.origin).parent / "data"


# Counts that the collections' own papers and pages state, or that a plain count of the file gives.
@pytest.mark.parametrize(
    ("name", "films", "finding", "positive"),
    [
        ("Data_Entry_2017_v2020.csv.gz", 112_120, "Hernia", 227),
        ("kaggle_stage_2_train_labels.csv.zip", 26_684, "Pneumonia", 6_012),
        ("siim-pneumothorax-train-rle.csv.gz", 12_047, "Pneumothorax", 2_669),
        ("vinbigdata-train.csv.gz", 15_000, "Cardiomegaly", 1_817),
    ],
)
def test_all_films_are_read(folder: Path, name: str, films: int, finding: str, positive: int) -> None:
    labels = read_labels(folder / name)
    assert len(labels.films) == films
    assert not labels.faults
    assert Counter(film.truth.get(finding) for film in labels.films)["positive"] == positive


def test_openi_names_its_reports_without_films(folder: Path) -> None:
    labels = read_labels(folder / "NLMCXR_reports.tgz")
    assert len({film.patient for film in labels.films}) + len(labels.faults) == 3_955
    assert {"PA", "lateral"} <= {film.view for film in labels.films}


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("chexpert_train.csv.gz", "CheXpert"),
        ("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz", "PadChest"),
    ],
)
def test_the_first_rows_of_the_large_files_are_read_or_named(
    folder: Path, tmp_path: Path, name: str, format_name: str
) -> None:
    with gzip.open(folder / name, "rt", encoding="utf-8") as file:
        rows = list(islice(csv.reader(file), 3_001))
    path = tmp_path / "head.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    labels = read_labels(path)
    assert labels.format == format_name
    assert len(labels.films) + len(labels.faults) == 3_000
    assert {fault.reason for fault in labels.faults} <= {"the study is marked exclude", "no labels"}
    assert len({film.patient for film in labels.films}) > 500
