"""Own detectors: boxes go where films go, and both architectures end as a file that reading takes."""

import json
from pathlib import Path

import numpy as np
import pytest
from prepared_films import prepared
from vision_ops import make_torchvision_work

pytest.importorskip("torch", reason="needs lucidray[train]")
pytest.importorskip("accelerate", reason="needs lucidray[train]")
pytest.importorskip("onnx", reason="needs lucidray[train]")
pytest.importorskip("transformers", reason="needs lucidray[train]")
make_torchvision_work()

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.datasets.manifest import read_manifest
from lucidray.domain.box import Box
from lucidray.domain.errors import InputError, ModelError, UsageError
from lucidray.imaging.film import read_film
from lucidray.models.detector_boxes import letterboxed
from lucidray.models.detectors import open_localizer
from lucidray.training.detector import train
from lucidray.training.detector_config import Config
from lucidray.training.detector_films import chosen, classes_of, to_picture, vary
from lucidray.training.detector_films import prepared as decoded
from lucidray.training.detector_networks import build

pytestmark = pytest.mark.extra
SMALL = {"weights": "none", "size": 64, "batch": 3, "epochs": 2, "device": "cpu", "limit": 6, "min_boxes": 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("boxed"))


@pytest.fixture(autouse=True)
def own_process() -> None:
    """Accelerate keeps its precision for the life of a process; a command has a process of its own."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("architecture", ["faster-rcnn", "rt-detr"])
def test_a_run_ends_in_a_file_that_draws_boxes_and_resumes_alike(
    data: Path, tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(architecture, **SMALL)
    path = train(data, tmp_path / "whole", config)
    result = json.loads((tmp_path / "whole" / "detection.json").read_text())
    assert result["average_precision"]["mean"]["n"] == 6
    for least in ("0.1", "0.3", "0.5"):
        figure = result["average_precision"]["mean"][f"ap_over_{least}"]
        assert 0 <= figure["low"] <= figure["high"] <= 1
        assert set(result["controls"]) == {"random_box", "usual_place"}
    assert result["pointing"]["groups"]["all boxes"]["pointing"]["n"] == 6
    about = json.loads((tmp_path / "whole" / "data.json").read_text())
    assert about["splits"]["train"]["boxes of Effusion"] == 6
    assert len((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()) == 2

    detector = open_localizer(f"onnx:{path}", device="cpu", threads=1)
    assert detector.layout == "end-to-end"
    film = read_film(data / "images" / "1.png")
    for box in detector.locate(film).boxes:
        assert box.labels == ("Effusion",)
        assert 0 <= box.box.x0 < box.box.x1 <= film.width_px

    def stop(line: str) -> None:
        if line.startswith("epoch 1 of"):
            raise StoppedError

    with pytest.raises(StoppedError):
        train(data, tmp_path / "again", config, report=stop)
    # What comes after the loop was seen above.
    monkeypatch.setattr("lucidray.training.detector._finish", lambda *_: None)
    train(data, tmp_path / "again", config, resume=True)
    whole, again = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["network"] for name in ("whole", "again")
    )
    assert all(torch.equal(whole[name], again[name]) for name in whole)


SIDES = st.integers(20, 300)


@settings(max_examples=50)
@given(SIDES, SIDES, st.tuples(*[st.floats(0, 1)] * 4))
def test_a_box_is_put_where_the_letterbox_puts_the_film(height: int, width: int, edges: tuple[float, ...]) -> None:
    x0, x1 = sorted((edges[0] * width, edges[1] * width))
    y0, y1 = sorted((edges[2] * height, edges[3] * height))
    box = Box(x0, y0, x1, y1)
    _, frame = letterboxed(np.zeros((height, width), dtype=np.float32), (64, 64), 0.5)
    if box.width < 0.1 or box.height < 0.1:
        return
    back = frame.to_film(to_picture(box, height, width, 64), (64, 64), width, height)
    assert back == pytest.approx(box, abs=1e-6)


def test_a_box_moves_with_its_film_and_no_film_is_mirrored() -> None:
    pixels = np.full((96, 96), 20, dtype=np.uint8)
    pixels[30:50, 10:40] = 240
    boxes, classes = np.array([[10, 30, 40, 50]], dtype=np.float32), np.array([0])
    moved = 0
    for seed in range(25):
        film, kept, _ = vary(pixels, boxes, classes, np.random.default_rng(seed), 0.1, 0.2)
        rows, columns = np.nonzero(film > 0.7)
        assert np.abs(kept[0] - [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).max() <= 1.5
        assert film[:, :48].mean() > film[:, 48:].mean()
        moved += int(np.abs(kept - boxes).max() > 2)
    assert moved > 15


def test_a_box_that_leaves_the_picture_is_dropped() -> None:
    boxes, classes = np.array([[0, 0, 6, 6], [40, 40, 60, 60]], dtype=np.float32), np.array([0, 1])
    dropped = 0
    for seed in range(30):
        _, kept, numbers = vary(np.zeros((96, 96), np.uint8), boxes, classes, np.random.default_rng(seed), 0.3, 0.0)
        assert len(kept) == len(numbers)
        assert (kept >= 0).all()
        assert (kept <= 96).all()
        dropped += 0 not in numbers.tolist()
    assert dropped > 0


def test_a_film_without_boxes_teaches_only_where_it_is_normal(data: Path) -> None:
    manifest = read_manifest(data)
    names = classes_of(manifest, 3)
    assert names == ("Effusion",)
    films = chosen(manifest, names, 1.0, None).of("train")
    assert all(film.boxes or film.truth["Any abnormality"] == "negative" for film in films)
    assert sum(not film.boxes for film in films) == sum(bool(film.boxes) for film in films)
    assert all(film.boxes for film in chosen(manifest, names, 0.0, None).films)
    with pytest.raises(UsageError, match="there are: Effusion 18"):
        classes_of(manifest, 100)


def test_boxes_of_another_size_of_film_are_refused(data: Path, tmp_path: Path) -> None:
    manifest = read_manifest(data)
    film = manifest.films[1]
    wrong = type(film)(**{**film.__dict__, "size_px": (128, 128)})
    with pytest.raises(InputError, match="its boxes are in"):
        decoded(type(manifest)((wrong,), manifest.images), ("Effusion",), 64, tmp_path, lambda _: None)


def test_weights_that_cannot_be_had_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import detection

    def offline(**options: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(detection, "fasterrcnn_mobilenet_v3_large_320_fpn", offline)
    with pytest.raises(ModelError, match="--weights none"):
        build(Config(), 2, lambda _: None)
    with pytest.raises(ModelError, match="no such file"):
        monkeypatch.undo()
        build(Config("rt-detr", weights="nowhere.pt", size=64), 2, lambda _: None)
