"""`data prepare` and `data check` on the real films."""

from pathlib import Path

import pytest

from lucidray.datasets.check import check
from lucidray.datasets.duplicates import COPY
from lucidray.datasets.entry import Inputs
from lucidray.datasets.manifest import Manifest, ManifestFilm
from lucidray.datasets.prepare import Options, prepare


def test_the_split_is_that_of_the_shipped_weights(data_dir: Path) -> None:
    found = prepare("nih", Inputs((data_dir / "nih" / "labels.csv",), data_dir / "nih" / "images"))
    test = found.manifest.of("test")
    # 210 films of 138 patients: the test set of the findings network's model card.
    assert (len(test), len({film.patient for film in test})) == (210, 138)
    boxes = [box for film in found.manifest.films for box in film.boxes]
    assert len(boxes) == 205
    assert not check(found.manifest).serious


def test_copies_among_real_films_are_found(data_dir: Path) -> None:
    folder = data_dir / "jsrt" / "images"
    paths = sorted(folder.iterdir())[:40]
    films = [ManifestFilm(path.name, path.stem, "train", {}, view="PA") for path in paths]
    checked = check(Manifest(tuple(films), folder))
    assert not [pair for pair in checked.pairs if abs(pair.likeness) >= COPY]
    saturated = next(problem for problem in checked.problems if problem.code == "image_saturated")
    assert {name.split(".")[0] for name in saturated.examples} == {"JPCLN031", "JPCLN037"}


def test_children_by_their_names(data_dir: Path) -> None:
    inputs = Inputs((data_dir / "paediatric" / "labels.csv",), data_dir / "paediatric" / "images")
    found = prepare("paediatric", inputs, Options(limit=60))
    assert len(found.manifest.films) == 60
    assert {film.view for film in found.manifest.films} == {"AP"}
    with pytest.raises(StopIteration):
        next(film for film in found.manifest.films if set(film.truth) != {"Pneumonia"})


def test_children_are_split_alike_by_label_file_and_by_folder(data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "paediatric"
    labelled = prepare("paediatric", Inputs((source / "labels.csv",), source / "images"), Options(limit=80))
    for film in labelled.manifest.films:
        kind = "PNEUMONIA" if film.truth["Pneumonia"] == "positive" else "NORMAL"
        place = tmp_path / "train" / kind / film.film
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(source / "images" / film.film)
    by_folder = prepare("paediatric", Inputs((), tmp_path))
    there = {film.film.split("/")[-1]: (film.patient, film.split, film.truth) for film in by_folder.manifest.films}
    wanted = {film.film: (film.patient, film.split, film.truth) for film in labelled.manifest.films}
    # IM-0505-0001-0001 may be the child of IM-0505-0001: the folder takes both for one, the label file does not.
    told_apart = {name for name in wanted if name.removeprefix("NORMAL2-").count("-") == 3}
    assert len(told_apart) < 8
    assert {name: there[name] for name in wanted if name not in told_apart} == {
        name: told for name, told in wanted.items() if name not in told_apart
    }
