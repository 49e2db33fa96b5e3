"""`data prepare` on the label files of the collections themselves, as the torchxrayvision package carries them.

The films are small stand-ins under the collections' names: what is tested is how the files are read and joined.
"""

import csv
import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TextIO

import pytest
from films_on_disk import write_film, write_rows

from lucidray.datasets.entry import Inputs
from lucidray.datasets.prepare import Options, Prepared, prepare
from lucidray.reasoning.claims import extract_claims

# Its label files are enough: importing the package would take PyTorch along.
if find_spec("torchxrayvision") is None:
    pytest.skip("needs the label files inside the torchxrayvision package", allow_module_level=True)
pytestmark = pytest.mark.extra

ROWS = 3_000


@pytest.fixture(scope="module")
def folder() -> Path:
    found = find_spec("torchxrayvision")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data"


def opened(path: Path) -> TextIO:
    if path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        return io.TextIOWrapper(archive.open(archive.namelist()[0]), encoding="utf-8")
    return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8")  # type: ignore[arg-type]


def head(path: Path, to: Path) -> list[dict[str, str]]:
    csv.field_size_limit(10_000_000)
    with opened(path) as file:
        reader = csv.reader(file)
        rows = list(islice(reader, ROWS + 1))
    write_rows(to, rows[0], rows[1:])
    return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]


def films(folder: Path, names: Iterator[str], size: tuple[int, int] = (150, 140)) -> None:
    for number, name in enumerate(names):
        write_film(folder / name, number, size)


def whole(prepared: Prepared) -> None:
    """What holds of every collection."""
    of_patient: dict[str, str] = {}
    for film in prepared.manifest.films:
        assert of_patient.setdefault(film.patient, film.split) == film.split
        assert film.view not in ("lateral", "oblique")


def test_padchest(folder: Path, tmp_path: Path) -> None:
    rows = head(folder / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz", tmp_path / "padchest.csv")
    films(tmp_path / "images", (f"{row['ImageDir']}/{row['ImageID']}" for row in rows[:200]))
    found = prepare("padchest", Inputs((tmp_path / "padchest.csv",), tmp_path / "images"))
    whole(found)
    assert len(found.manifest.films) > 80
    compared = 0
    for film in found.manifest.films:
        positive = {name for name, state in film.truth.items() if state == "positive"} - {"Any abnormality"}
        claimed = {claim.label for claim in extract_claims(film.report) if claim.polarity == "present"}
        # What the label file calls positive, the report says; Infiltration goes into narrower words.
        assert positive - {"Infiltration"} <= claimed, film.report
        if not positive and film.truth.get("Any abnormality") == "negative":
            assert not claimed, film.report
        compared += bool(positive)
    assert compared > 20


def test_nih(folder: Path, tmp_path: Path) -> None:
    with opened(folder / "BBox_List_2017.csv.gz") as file:
        boxed = sorted({row["Image Index"] for row in csv.DictReader(file)})[:12]
    films(tmp_path / "images_001" / "images", iter(boxed), (512, 512))
    found = prepare("nih", Inputs((folder / "Data_Entry_2017_v2020.csv.gz",), tmp_path))
    whole(found)
    assert [film.film.split("/")[-1] for film in found.manifest.films] == boxed
    assert all(film.boxes for film in found.manifest.films)
    for film in found.manifest.films:
        for box in film.boxes:
            assert film.truth[box.finding] == "positive"
            assert box.xyxy_px[2] <= 512


def test_chexpert(folder: Path, tmp_path: Path) -> None:
    rows = head(folder / "chexpert_train.csv.gz", tmp_path / "train.csv")
    films(tmp_path, (row["Path"].split("/", 1)[1] for row in rows[:40]))
    found = prepare("chexpert", Inputs((tmp_path / "train.csv",), tmp_path), Options(official=True))
    whole(found)
    frontal = [row for row in rows[:40] if row["Frontal/Lateral"] == "Frontal"]
    assert len(found.manifest.films) == len(frontal)
    assert {film.split for film in found.manifest.films} == {"train"}
    uncertain = {row["Path"].split("/", 1)[1] for row in frontal if row["Edema"] == "-1.0"}
    assert {film.film for film in found.manifest.films if film.truth.get("Edema") == "uncertain"} == uncertain


def test_vinbigdata(folder: Path, tmp_path: Path) -> None:
    with opened(folder / "vinbigdata-train.csv.gz") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["image_id"] for row in rows if row["class_name"] == "Cardiomegaly"})[:6]
    films(tmp_path / "images", (f"{name}.png" for name in names), (400, 400))
    inputs = Inputs((folder / "vinbigdata-train.csv.gz",), tmp_path / "images", box_side=4000)
    found = prepare("vinbig", inputs)
    whole(found)
    hearts = [box for film in found.manifest.films for box in film.boxes if box.finding == "Cardiomegaly"]
    assert hearts
    for box in hearts:
        assert box.xyxy_px[2] - box.xyxy_px[0] > 40  # a tenth of the width, not a tenth of a pixel


def test_rsna(folder: Path, tmp_path: Path) -> None:
    with opened(folder / "kaggle_stage_2_train_labels.csv.zip") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["patientId"] for row in rows if row["Target"] == "1"})[:6]
    films(tmp_path / "images", (f"{name}.png" for name in names), (256, 256))
    found = prepare("rsna", Inputs((folder / "kaggle_stage_2_train_labels.csv.zip",), tmp_path / "images"))
    wanted = {name: sum(row["patientId"] == name for row in rows) for name in names}
    assert {film.film.split(".")[0]: len(film.boxes) for film in found.manifest.films} == wanted
    assert all(box.finding == "Pneumonia" for film in found.manifest.films for box in film.boxes)


def test_openi(folder: Path, tmp_path: Path) -> None:
    names: list[str] = []
    with tarfile.open(folder / "NLMCXR_reports.tgz") as archive:
        for member in islice(archive, 120):
            file = archive.extractfile(member) if member.name.endswith(".xml") else None
            names += re.findall(r'parentImage id="([^"]+)"', file.read().decode()) if file else []
    films(tmp_path / "images", (f"{name}.png" for name in names))
    found = prepare("openi", Inputs((folder / "NLMCXR_reports.tgz",), tmp_path / "images"))
    whole(found)
    assert found.reasons()["lateral view"] > 10
    assert sum(bool(film.report) for film in found.manifest.films) > 60
    assert not any("INDICATION" in film.report or "COMPARISON" in film.report for film in found.manifest.films)
