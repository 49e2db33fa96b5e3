from pathlib import Path

import pytest

from lucidray.datasets.finder import Finder
from lucidray.domain.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train/patient1/study1/view1.jpg", "a/film.png", "b/other.dcm", ".hidden/x.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train/patient1/study1/view1.jpg", "train/patient1/study1/view1.jpg"),
        ("CheXpert-v1.0-small/train/patient1/study1/view1.jpg", "train/patient1/study1/view1.jpg"),
        ("film.png", "a/film.png"),
        ("film", "a/film.png"),
        ("other", "b/other.dcm"),
        ("windows\\b\\other.dcm", "b/other.dcm"),
    ],
)
def test_films_are_found(folder: Path, name: str, found: str) -> None:
    assert Finder(folder).find([name], by_name=True) == folder / found


def test_another_patients_film_of_the_same_name_is_not_taken(folder: Path) -> None:
    wanted = "CheXpert-v1.0-small/train/patient2/study1/view1.jpg"
    assert "no such file" in str(Finder(folder).find([wanted], by_name=False))


@pytest.mark.parametrize("name", ["x.png", "../etc/passwd", "", "nothing.png"])
def test_what_is_not_there_has_a_reason(folder: Path, name: str) -> None:
    assert isinstance(Finder(folder).find([name], by_name=True), str)


def test_two_files_of_one_name_are_not_guessed(folder: Path) -> None:
    (folder / "b" / "film.png").write_bytes(b"y")
    assert "2 files have this name" in str(Finder(folder).find(["film.png"], by_name=True))


def test_a_link_to_a_folder_above_ends(folder: Path) -> None:
    (folder / "a" / "up").symlink_to(folder)
    finder = Finder(folder)
    assert finder.films == 3
    assert finder.find(["film.png"], by_name=True) == folder / "a/film.png"


def test_other_names_are_tried(folder: Path) -> None:
    assert Finder(folder).find(["lost.jpg", "other.dcm"], by_name=True) == folder / "b/other.dcm"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder of images"):
        Finder(tmp_path / "none")
