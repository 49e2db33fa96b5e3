from pathlib import Path

import pytest

from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox, read_manifest, write_manifest
from lucidray.domain.errors import InputError

FILM = ManifestFilm(
    film='a/één, "film".png',
    patient="7",
    split="validation",
    truth={"Effusion": "positive", "Mass": "negative", "Nodule": "uncertain"},
    boxes=(PlacedBox("Effusion", (1.0, 2.5, 30.0, 40.0), "fluid on the right", "proposed"),),
    report="FINDINGS:\nFluid.",
    view="PA",
    age_years=0.5,
    sex="F",
    source="nih",
    terms="free",
    size_px=(100, 80),
)
OTHER = ManifestFilm(film="b.png", patient="8", split="train", truth={})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_manifest(Manifest((FILM, OTHER), tmp_path / "films"), tmp_path / "out", {"made_by": "a test"})
    return tmp_path / "out"


def test_a_manifest_comes_back_as_it_was_written(written: Path, tmp_path: Path) -> None:
    manifest = read_manifest(written)
    assert manifest.films == (FILM, OTHER)
    assert manifest.images == (tmp_path / "films").resolve()
    assert manifest.of("train") == (OTHER,)
    assert manifest.of("test") == ()


def test_parquet_says_the_same(written: Path) -> None:
    pytest.importorskip("pyarrow")
    assert read_manifest(written / "manifest.parquet").films == (FILM, OTHER)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("c.png,1,dev,1,", "split is 'dev'"),
        ("c.png,,train,1,", "patient is missing"),
        ("c.png,1,train,yes,", "Effusion is 'yes'"),
        ('c.png,1,train,1,"[{""finding"": ""Mass"", ""xyxy_px"": [5, 5, 5, 9]}]"', "no area"),
        ("c.png,1,train,1,{", "row 1"),
        ("", "names no films"),
    ],
)
def test_a_bad_row_is_one_clear_error(tmp_path: Path, row: str, says: str) -> None:
    (tmp_path / "manifest.csv").write_text(f"film,patient,split,Effusion,boxes\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_manifest(tmp_path, tmp_path)


def test_a_film_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("film,patient,split\nc.png,1,train\nc.png,1,test\n", encoding="utf-8")
    with pytest.raises(InputError, match="named before"):
        read_manifest(tmp_path, tmp_path)


def test_where_the_films_lie_must_be_known(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("film,patient,split\nc.png,1,train\n", encoding="utf-8")
    with pytest.raises(InputError, match="--images"):
        read_manifest(tmp_path)
    assert read_manifest(tmp_path, tmp_path).path(read_manifest(tmp_path, tmp_path).films[0]) == tmp_path / "c.png"
