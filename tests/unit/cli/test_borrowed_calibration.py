"""A classifier from elsewhere: silent, calibrated to films of one's own, and then read with."""

import json
from pathlib import Path

import numpy as np
import pytest
from borrowed_models import brightness_onnx
from PIL import Image

from lucidray.models.fake import FakeSegmenter

pytestmark = pytest.mark.extra
FILMS = 120


def save_film(path: str, shade: float) -> None:
    y, x = np.indices((288, 240)) / 288
    Image.fromarray((shade + 60 * np.sin(7 * x) * np.cos(5 * y)).astype(np.uint8)).save(path)


@pytest.fixture
def films(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Films of which the brighter ones are likelier to have an effusion, and a network that sees brightness."""
    pytest.importorskip("sklearn", reason="needs lucidray[evaluate]")
    monkeypatch.setattr("lucidray.api.EmbeddedSegmenter", lambda *_: FakeSegmenter())
    rng = np.random.default_rng(0)
    rows = ["image,Effusion,patient,age,sex,view"]
    for number in range(FILMS):
        there = number % 2
        save_film(f"{number}.png", 100 + 40 * there + 30 * rng.standard_normal() * 0.6)
        rows.append(f"{number}.png,{there},p{number},{40 + number % 40},{'MF'[number % 2]},PA")
    Path("labels.csv").write_text("\n".join(rows) + "\n")
    save_film("dark.png", 80)
    save_film("bright.png", 170)
    return brightness_onnx(Path("mine"), heatmap={"kind": "occlusion", "grid": 2})


def effusion(run, film: str, *options: str) -> tuple[dict, dict, str]:
    result = run("read", film, "--json", "--age", "50", "--classifier", "onnx:mine", *options)
    assert result.code == 0, result.err
    reading = json.loads(result.out)
    return next(one for one in reading["findings"] if one["label"] == "Effusion"), reading, result.err


def test_it_shows_a_probability_only_once_it_is_calibrated(run, films: Path) -> None:
    before, reading, told = effusion(run, "bright.png")
    assert (before["status"], before["probability"]) == ("unsupported", None)
    assert {one["status"] for one in reading["findings"]} == {"unsupported"}
    assert "uncalibrated" in {note["code"] for note in reading["warnings"]}
    left_out = [line for line in told.splitlines() if "Lung Opacity" in line]
    assert left_out

    fitted = run("calibrate", "--data", "labels.csv", "--classifier", "onnx:mine", "--out", "own.json")
    assert fitted.code == 0, fitted.err
    content = json.loads(Path("own.json").read_text())
    assert content["model"]["name"] == "borrowed"
    assert content["findings"]["Effusion"]["unsupported_reason"] is None

    own = ("--calibration", "own.json")
    bright, reading, told = effusion(run, "bright.png", *own)
    dark, _, _ = effusion(run, "dark.png", *own)
    assert (bright["status"], dark["status"]) == ("present", "absent")
    assert 0.9 < bright["probability"] < 1
    assert 0 < dark["probability"] < 0.1
    assert bright["prevalence"] == pytest.approx(0.5, abs=0.01)
    assert [line for line in told.splitlines() if "Lung Opacity" in line] == left_out
    assert "uncalibrated" not in {note["code"] for note in reading["warnings"]}
    others = [one for one in reading["findings"] if one["label"] != "Effusion"]
    assert {one["status"] for one in others} == {"unsupported"}

    rare, reading, _ = effusion(run, "bright.png", *own, "--prevalence", "Effusion=0.02")
    assert rare["prevalence"] == 0.02
    assert rare["probability"] < bright["probability"]
    assert rare["status"] == "present"
    assert reading["provenance"]["prevalence_given"] == ["Effusion"]


def test_its_calibration_is_of_its_weights_alone(run, films: Path) -> None:
    assert run("calibrate", "--data", "labels.csv", "--classifier", "onnx:mine", "--out", "own.json").code == 0
    brightness_onnx(Path("other"), gain=30.0)
    other = run("read", "dark.png", "--classifier", "onnx:other", "--calibration", "own.json")
    assert other.code == 5
    assert "was fitted to borrowed with SHA-256" in other.err


def test_it_is_evaluated_by_rank_before_and_by_calibration_after(run, films: Path) -> None:
    asked = ("--data", "labels.csv", "--classifier", "onnx:mine", "--device", "cpu", "--resamples", "20")
    before = run("evaluate", "findings", *asked)
    assert before.code == 0, before.err
    figures = json.loads(before.out)["findings"]["Effusion"]["figures"]
    assert figures["auroc"]["value"] > 0.9
    assert "ece" not in figures
    assert run("calibrate", *asked[:6], "--out", "own.json").code == 0
    after = run("evaluate", "findings", *asked, "--calibration", "own.json")
    assert after.code == 0, after.err
    found = json.loads(after.out)
    assert found["model"][1]["name"] == "borrowed"
    assert found["findings"]["Effusion"]["figures"]["ece"]["value"] < 0.2


def test_its_regions_are_held_against_boxes(run, films: Path) -> None:
    rows = ["image,label,x,y,width,height", *(f"{number}.png,Effusion,30,30,90,90" for number in range(4))]
    Path("boxes.csv").write_text("\n".join(rows) + "\n")
    asked = ("--data", "boxes.csv", "--classifier", "onnx:mine", "--draws", "10")
    result = run("evaluate", "localization", *asked)
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["model"][1]["name"] == "borrowed"
    assert found["films"]["assessed"] == 4
