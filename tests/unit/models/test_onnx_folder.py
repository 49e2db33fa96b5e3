"""ONNX folders: what a card may say, what it may not, and where the maps point. Needs no PyTorch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from borrowed_models import CAM, LABELS, brightness_onnx, card, embedded_as_onnx, write_card

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.radiograph import Radiograph
from lucidray.localization.regions import locate
from lucidray.localization.sides import find_thorax
from lucidray.models.fake import drawn_anatomy
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.onnx_folder import OnnxClassifier
from lucidray.models.prepare import square

# On the picture as shown: the patient's right is on the viewer's left.
SPOTS = {"right": (0.30, 0.5), "left": (0.70, 0.5), "upper": (0.3, 0.25), "lower": (0.3, 0.72)}


def film(pixels: np.ndarray) -> Radiograph:
    return Radiograph(pixels=np.asarray(pixels, np.float32), name="film", format="array")


def spotted(x: float, y: float, shape: tuple[int, int]) -> Radiograph:
    rows, columns = shape
    grid_y, grid_x = np.indices(shape)
    near = ((grid_x - x * columns) ** 2 + (grid_y - y * rows) ** 2) <= (min(shape) / 14) ** 2
    return film(np.where(near, 1.0, 0.05))


def test_the_embedded_network_by_a_card_says_what_it_says_itself(tmp_path: Path) -> None:
    size = json.loads((embedded_as_onnx(tmp_path / "a") / "card.json").read_text())["input"]["size"][0]
    y, x = np.indices((size, size)) / size
    same = film(square((0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32), size))
    borrowed = OnnxClassifier(tmp_path / "a", device="cpu").predict(same)
    own = EmbeddedClassifier().predict(same)
    for label, score in own.scores.items():
        assert borrowed.scores[label].raw == pytest.approx(score.raw, abs=1e-3)
        assert borrowed.scores[label].probability is None
    assert borrowed.overall.raw is None


def test_the_hash_that_the_card_names_is_checked(tmp_path: Path) -> None:
    folder = embedded_as_onnx(tmp_path / "a")
    whole = json.loads((folder / "card.json").read_text())
    used = OnnxClassifier(folder, device="cpu").used
    (folder / "card.json").write_text(json.dumps({**whole, "sha256": used.sha256}))
    assert OnnxClassifier(folder, device="cpu").used.sha256 == used.sha256
    (folder / "card.json").write_text(json.dumps({**whole, "sha256": "0" * 64}))
    with pytest.raises(ModelError, match="SHA-256 differs"):
        OnnxClassifier(folder, device="cpu")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"file": "other.onnx"}, "weights are missing: other.onnx"),
        ({"file": "../model.onnx"}, "outside its folder"),
        ({"labels": []}, "labels: Extra inputs"),
        ({"input": {"size": [224, 224], "channels": 2, "fit": "stretch"}}, "input.channels"),
        ({"input": {"size": [224, 224], "channels": 3, "fit": "stretch", "mean": [0.1, 0.2]}}, "mean and std need"),
        ({"input": {"size": [224, 224], "channels": 1, "fit": "stretch", "std": [0]}}, "input.std"),
        ({"input": {"size": [224, 224], "channels": 1, "fit": "stretch", "range": [1, 0]}}, "bright where it is dense"),
        ({"input": {"size": [224, 224], "channels": 1, "fit": "stretch", "crop_share": 0.9}}, "goes with the fit crop"),
        ({"output": {"kind": "scores", "labels": LABELS}}, "output.kind"),
        ({"output": {"kind": "logits", "labels": ["Lung Opacity"]}}, "no output is one of"),
        (
            {"output": {"kind": "logits", "labels": ["Mass"], "operating_points": {"Nodule": 0.4}}},
            "of what is no output",
        ),
        ({"heatmap": {"kind": "gradcam"}}, "heatmap.kind"),
        (
            {
                "heatmap": {"kind": "cam", "output": "maps"},
                "output": {"name": "logits", "kind": "logits", "labels": LABELS},
            },
            "needs heatmap.weights",
        ),
        ({"output": {"name": "nothing", "kind": "logits", "labels": LABELS}}, "no output 'nothing'"),
        ({"output": {"kind": "logits", "labels": LABELS}}, "name one as output.name"),
    ],
)
def test_a_card_that_does_not_hold_is_one_clear_error(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    folder = embedded_as_onnx(tmp_path / "a")
    write_card(folder, **changes)
    with pytest.raises(ModelError, match=said) as caught:
        OnnxClassifier(folder, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}"])
def test_no_card_or_a_damaged_one(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "card.json").write_text(text)
    with pytest.raises(ModelError, match=r"card\.json"):
        OnnxClassifier(tmp_path, device="cpu")


def test_a_network_that_answers_for_other_labels_is_an_error(tmp_path: Path) -> None:
    folder = embedded_as_onnx(tmp_path / "a")
    size = json.loads((folder / "card.json").read_text())["input"]["size"]
    same = {"size": size, "channels": 1, "fit": "stretch"}
    write_card(folder, input=same, output={"name": "logits", "kind": "logits", "labels": ["Hernia"]})
    with pytest.raises(ModelError, match="its card wants"):
        OnnxClassifier(folder, device="cpu").predict(film(np.random.default_rng(0).random((200, 200))))
    write_card(folder, input={**same, "channels": 3}, output={"name": "logits", "kind": "logits", "labels": LABELS})
    with pytest.raises(ModelError, match="does not take"):
        OnnxClassifier(folder, device="cpu").predict(film(np.random.default_rng(0).random((200, 200))))


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    write_card(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot be run"):
        OnnxClassifier(tmp_path, device="cpu")


def test_a_device_that_is_not_there_is_an_error_and_never_the_processor(tmp_path: Path) -> None:
    folder = embedded_as_onnx(tmp_path / "a")
    import onnxruntime

    for device, provider in (("cuda", "CUDAExecutionProvider"), ("mps", "CoreMLExecutionProvider")):
        if provider not in onnxruntime.get_available_providers():
            with pytest.raises(UsageError, match=f"device {device} is not there"):
                OnnxClassifier(folder, device=device)
    with pytest.raises(UsageError, match="device 'tpu' is not known"):
        OnnxClassifier(folder, device="tpu")
    assert OnnxClassifier(folder, device="auto").used.device in ("cuda", "cpu")


def test_a_device_that_does_not_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime that knows CUDA and finds no driver takes the processor, and merely logs it."""
    import onnxruntime

    whole = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: whole(path, options, providers=["CPUExecutionProvider"]),
    )
    folder = embedded_as_onnx(tmp_path / "a")
    with pytest.raises(ModelError, match="device cuda did not start"):
        OnnxClassifier(folder, device="cuda")
    assert OnnxClassifier(folder, device="auto").used.device == "cpu"


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("shape", [(300, 300), (300, 380), (380, 300)])
@pytest.mark.parametrize("heatmap", [CAM, {"kind": "occlusion", "grid": 8}], ids=["cam", "occlusion"])
def test_sides_and_zones_are_right_through_every_fit(
    tmp_path: Path, fit: str, shape: tuple[int, int], heatmap: dict[str, Any]
) -> None:
    classifier = OnnxClassifier(brightness_onnx(tmp_path, heatmap=heatmap, fit=fit, gain=60.0), device="cpu")
    thorax = find_thorax(drawn_anatomy())
    for where, (x, y) in SPOTS.items():
        radiograph = spotted(x, y, shape)
        heatmaps = classifier.predict(radiograph).heatmaps
        # Even outputs rise with brightness: "Effusion" is the fifth.
        regions = locate("Effusion", heatmaps["Effusion"], thorax, radiograph)
        assert regions, where
        assert where in (regions[0].side, regions[0].zone)
        x0, y0, x1, y1 = regions[0].box_xyxy_px
        assert x0 <= x * shape[1] <= x1
        assert y0 <= y * shape[0] <= y1


def test_a_cam_adds_up_to_its_score(tmp_path: Path) -> None:
    classifier = OnnxClassifier(brightness_onnx(tmp_path, heatmap=CAM), device="cpu")
    radiograph = film(np.random.default_rng(3).random((64, 64)) * 0.3)
    prediction = classifier.predict(radiograph)
    values = prediction.heatmaps["Effusion"].values.astype(np.float64)
    assert np.log(values / (1 - values)).mean() == pytest.approx(prediction.scores["Effusion"].raw, abs=1e-3)
    assert prediction.scores["Effusion"].raw == pytest.approx(40 * radiograph.pixels.mean() - 4, abs=1e-3)


def test_a_last_layer_of_another_network_is_noticed(tmp_path: Path) -> None:
    folder = brightness_onnx(tmp_path, heatmap=CAM)
    last = dict(np.load(folder / "last.npz"))
    np.savez(folder / "last.npz", weight=last["weight"] * 1.5, bias=last["bias"])
    with pytest.raises(ModelError, match="do not add up"):
        OnnxClassifier(folder, device="cpu").predict(film(np.full((64, 64), 0.3)))


def test_a_last_layer_that_is_pickled_is_not_read(tmp_path: Path) -> None:
    folder = brightness_onnx(tmp_path, heatmap=CAM)
    np.savez(folder / "last.npz", weight=np.array([{"a": 1}], dtype=object), bias=np.zeros(1))
    with pytest.raises(ModelError, match="does not hold the arrays"):
        OnnxClassifier(folder, device="cpu")


def test_probabilities_become_logits(tmp_path: Path) -> None:
    radiograph = film(np.full((64, 64), 0.15))
    plain = OnnxClassifier(brightness_onnx(tmp_path / "a"), device="cpu").predict(radiograph)
    shares = OnnxClassifier(brightness_onnx(tmp_path / "b", probabilities=True), device="cpu").predict(radiograph)
    for label, score in plain.scores.items():
        if score.raw is None:
            assert shares.scores[label].raw is None
        else:
            assert shares.scores[label].raw == pytest.approx(score.raw, abs=1e-2)


def test_logits_that_are_said_to_be_probabilities_are_noticed(tmp_path: Path) -> None:
    folder = brightness_onnx(tmp_path)
    write_card(
        folder,
        input={"size": [64, 64], "channels": 1, "fit": "stretch"},
        output={"name": "logits", "kind": "probabilities", "labels": LABELS},
    )
    with pytest.raises(ModelError, match="no probabilities"):
        OnnxClassifier(folder, device="cpu").predict(film(np.full((64, 64), 0.5)))


def test_the_operating_point_moves_the_map_and_not_the_score(tmp_path: Path) -> None:
    folder = brightness_onnx(tmp_path, heatmap=CAM)
    radiograph = film(np.full((64, 64), 0.1))
    before = OnnxClassifier(folder, device="cpu").predict(radiograph)
    whole = json.loads((folder / "card.json").read_text())
    whole["output"]["operating_points"] = {"Pleural Effusion": 0.9}
    (folder / "card.json").write_text(json.dumps(whole))
    after = OnnxClassifier(folder, device="cpu").predict(radiograph)
    assert before.scores == after.scores
    assert after.heatmaps["Effusion"].values.mean() == pytest.approx(0.1, abs=0.01)
    assert before.heatmaps["Effusion"].values.mean() == pytest.approx(0.5, abs=0.01)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    assert "Lung Opacity" in str(OnnxClassifier(brightness_onnx(tmp_path), device="cpu").note)
    assert card()["output"]["labels"] == LABELS
