import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucidray.cli.data_progress import Counting
from lucidray.cli.main import main
from lucidray.datasets.manifest import read_manifest


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    rows = [("image", "patient", "view", "Effusion")]
    (tmp_path / "images").mkdir()
    for number in range(10):
        coarse = np.random.default_rng(number).integers(20, 235, (12, 12), dtype=np.uint8)
        film = Image.fromarray(coarse).resize((150, 160), Image.Resampling.BICUBIC)
        film.save(tmp_path / "images" / f"{number}.png")
        rows.append((f"{number}.png", f"p{number}", "PA", str(number % 2)))
    with (tmp_path / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


def prepare(collection: Path, *more: str, source: str = "folder") -> int:
    labels, out = str(collection / "labels.csv"), str(collection / "out")
    return main(["data", "prepare", source, "--labels", labels, "--out", out, "--workers", "1", *more])


def test_prepare_then_check(collection: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(collection, "--terms", "ours", "--name", "hospital") == 0
    said = capsys.readouterr().err
    assert "labels.csv: plain table" in said
    assert "train:" in said
    manifest = read_manifest(collection / "out")
    assert {(film.terms, film.source) for film in manifest.films} == {("ours", "hospital")}
    assert main(["data", "check", str(collection / "out"), "--json", "--workers", "1"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["serious"] is False
    assert (collection / "out" / "check.html").is_file()


def test_something_serious_has_its_own_exit_code(collection: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(collection) == 0
    (collection / "images" / "3.png").unlink()
    assert main(["data", "check", str(collection / "out"), "--workers", "1"]) == 3
    out = capsys.readouterr().out
    assert "SERIOUS: films that are missing or cannot be read: 1; the first: 3.png" in out


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--test", "0.9", "--validation", "0.2"), 2, "nothing to train on"),
        (("--split", "official", "--test", "0.1"), 2, "official"),
        (("--split", "official"), 4, "no film is left: split: 10"),
        (("--images", "/nowhere"), 4, "no folder of images"),
        (("--boxes", "/nowhere.csv"), 4, "no box file"),
    ],
)
def test_bad_input_is_one_error_and_writes_nothing(
    collection: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, says: str
) -> None:
    assert prepare(collection, *more) == code
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert says in errors[0]
    assert not (collection / "out").exists()


def test_an_existing_folder_is_kept(collection: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(collection) == 0
    before = (collection / "out" / "manifest.json").read_bytes()
    assert prepare(collection) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (collection / "out" / "manifest.json").read_bytes() == before
    assert prepare(collection, "--overwrite", "--limit", "4") == 0
    assert len(read_manifest(collection / "out").films) == 4


def test_labels_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "prepare", "nih", "--out", str(tmp_path / "out")]) == 2
    assert "--labels" in capsys.readouterr().err


def test_parquet_is_told_where_it_is_not_written(
    collection: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert prepare(collection) == 0
    assert "manifest.parquet was not written: pip install 'lucidray[parquet]'" in capsys.readouterr().err
    assert not (collection / "out" / "manifest.parquet").exists()


def test_help_names_both_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data"]) == 0
    out = capsys.readouterr().out
    assert "prepare" in out
    assert "check" in out


def test_a_log_gets_a_line_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    counter = Counting("films read")
    counter.begin(2000)
    for _ in range(2000):
        counter.advance()
    counter.end()
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (10, "200 of 2,000 films read", "2,000 of 2,000 films read")
