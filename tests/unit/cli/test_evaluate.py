"""The evaluating commands as people call them, on given predictions and on what they refuse."""

import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.extra


@pytest.fixture
def labels() -> Path:
    """Forty films of twenty patients, half of them with an effusion; the predictions know it but for two."""
    rows, said = ["image,Effusion,patient,age,sex,view"], ["image,Effusion,Effusion threshold"]
    for number in range(40):
        there = number % 2
        rows.append(f"{number}.png,{there},p{number // 4},{40 + number},{'MF'[there]},PA")
        score = (1 - there if number in (4, 5) else there) * 0.6 + 0.1 + number / 1000
        said.append(f"{number}.png,{score:.4f},0.5")
    Path("labels.csv").write_text("\n".join([*rows, "bad.png,maybe,p,1,M,PA"]) + "\n")
    Path("theirs.csv").write_text("\n".join(said) + "\n")
    return Path("labels.csv")


def test_given_predictions_are_evaluated(run, labels: Path) -> None:
    pytest.importorskip("sklearn", reason="needs lucidray[evaluate]")
    arguments = ("--data", "labels.csv", "--predictions", "theirs.csv", "--resamples", "20", "--out", "result")
    result = run("evaluate", "findings", *arguments)
    assert result.code == 0, result.err
    assert result.out == ""
    assert "1 rows not read; line 42" in result.err
    found = json.loads(Path("result/findings.json").read_text())
    effusion = found["findings"]["Effusion"]
    assert (effusion["n"], effusion["n_positive"]) == (40, 20)
    assert effusion["confusion"] == {"true_positive": 19, "false_positive": 1, "false_negative": 1, "true_negative": 19}
    assert found["patients"] == 10
    assert found["data"][0]["n_faults"] == 1
    page = Path("result/findings.html").read_text()
    assert "http-equiv" in page
    assert "<script" not in page
    assert "research" in page.lower()
    assert "https://" not in page


def test_without_a_folder_the_json_goes_to_stdout(run, labels: Path) -> None:
    pytest.importorskip("sklearn", reason="needs lucidray[evaluate]")
    result = run("evaluate", "findings", "--data", "labels.csv", "--predictions", "theirs.csv", "--resamples", "20")
    assert json.loads(result.out)["kind"] == "findings"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("findings", "--data", "missing.csv"), 4, "no label file"),
        (("findings", "--data", "labels.csv"), 4, "none of the 40 labelled films is there"),
        (("findings", "--data", "labels.csv", "--format", "gout"), 2, "is not known"),
        (("localization", "--data", "missing.csv"), 4, "no box file"),
        (("anatomy", "--data", "."), 4, "has not the layout"),
        (("gate", "--data", "missing.csv"), 4, "no label file"),
        (("nothing",), 2, "No such command"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run, labels: Path, arguments, code: int, told: str) -> None:
    pytest.importorskip("sklearn", reason="needs lucidray[evaluate]")
    result = run("evaluate", *arguments)
    assert result.code == code, result.err
    assert any(told in line for line in result.errors), result.err


@pytest.mark.parametrize("part", ["findings", "localization", "anatomy", "gate"])
def test_a_missing_extra_names_its_cure(run, labels: Path, monkeypatch, part: str) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run("evaluate", part, "--data", "labels.csv")
    assert result.code == 5
    assert "pip install 'lucidray[evaluate]'" in result.errors[0]


def test_alone_it_lists_its_parts(run) -> None:
    result = run("evaluate")
    assert result.code == 0
    assert all(part in result.out for part in ("findings", "localization", "anatomy", "gate"))


def test_a_calibration_needs_a_sound_aim(run, labels: Path) -> None:
    pytest.importorskip("sklearn", reason="needs lucidray[evaluate]")
    result = run("calibrate", "--data", "labels.csv", "--out", "ours.json", "--target", "Effusion=0.9")
    assert result.code == 2
    assert "write it as in" in result.errors[0]
    assert not Path("ours.json").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--prevalence", "Gout=0.1"), "is no finding"),
        (("--prevalence", "Mass=1.5"), "between 0 and 1"),
        (("--calibration", "missing.json"), "cannot be read"),
    ],
)
def test_reading_refuses_what_makes_no_sense(run, arguments, told: str) -> None:
    Path("film.png").write_bytes(b"no film")
    result = run("read", "film.png", *arguments)
    assert result.code == 2
    assert told in result.errors[0]
