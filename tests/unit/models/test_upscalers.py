"""Upscalers by name: what is missing is said, and nothing else is taken in its place."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.prediction import NOT_FOR_UPSCALED
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.upscaling import enlarge
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.prevalence import WithPrevalence
from lucidray.models.upscale_lanczos import LanczosUpscaler
from lucidray.models.upscaled_card import FILE
from lucidray.models.upscalers import UPSCALERS, load_upscaler, missing_part
from lucidray.models.weights_file import EMBEDDED_FOLDER


def small_film(side: int = 28) -> Radiograph:
    y, x = np.mgrid[:side, :side] / side
    return Radiograph((0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32), "film", "array")


def upscaled(side: int = 28) -> Radiograph:
    return enlarge(small_film(side), LanczosUpscaler())[0]


@pytest.mark.parametrize("name", ["", "bicubic", "lanczos:", "onnx:", "swin2sr_", "/no/such/folder"])
def test_an_unknown_name_lists_what_there_is(name: str) -> None:
    with pytest.raises(UsageError, match="lanczos, embedded, swin2sr"):
        load_upscaler(name)


@pytest.mark.parametrize("name", ["onnx:nowhere.onnx", "nowhere.pth"])
def test_a_file_that_is_not_there(name: str) -> None:
    if name.endswith("pth"):
        pytest.importorskip("spandrel", reason="needs lucidray[upscale]")
        from borrowed_models import make_torchvision_importable

        make_torchvision_importable()
    with pytest.raises(UsageError, match="there is no upscaler"):
        load_upscaler(name)


@pytest.mark.extra
def test_swin2sr_without_its_weights_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from borrowed_models import make_torchvision_importable

    make_torchvision_importable()
    pytest.importorskip("transformers", reason="needs lucidray[upscale]")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="hf download caidas/swin2SR-classical-sr-x4-64"):
        load_upscaler("swin2sr")


@pytest.mark.extra
def test_a_swin2sr_folder_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    from borrowed_models import make_torchvision_importable

    make_torchvision_importable()
    transformers = pytest.importorskip("transformers", reason="needs lucidray[upscale]")
    pytest.importorskip("safetensors", reason="needs lucidray[upscale]")
    from safetensors.torch import load_file, save_file

    config = transformers.Swin2SRConfig(
        image_size=8, num_channels=3, embed_dim=12, depths=[2], num_heads=[2], window_size=4, upscale=4
    )
    transformers.Swin2SRForImageSuperResolution(config).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop(sorted(weights)[0])
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="1 weights are missing"):
        load_upscaler(str(tmp_path))


def test_the_embedded_weights_are_those_of_their_card(tmp_path: Path) -> None:
    for name in ("upscaler.onnx", "upscaler.json"):
        shutil.copy(EMBEDDED_FOLDER / name, tmp_path)
    load_upscaler("embedded", "cpu", 1, tmp_path)
    card = json.loads((tmp_path / "upscaler.json").read_text())
    (tmp_path / "upscaler.json").write_text(json.dumps(card | {"onnx_sha256": "0" * 64}))
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_upscaler("embedded", "cpu", 1, tmp_path)
    (tmp_path / "upscaler.onnx").unlink()
    with pytest.raises(ModelError, match="weights are missing"):
        load_upscaler("embedded", "cpu", 1, tmp_path)


def test_the_embedded_network_comes_nearer_to_a_film_than_lanczos() -> None:
    """Ribs and vessels in outline: not a film, but edges that a film has."""
    y, x = np.mgrid[:224, :224] / 224
    film = (0.5 + 0.25 * np.tanh(6 * np.sin(28 * y + 3 * x)) + 0.1 * np.tanh(9 * (x - 0.5))).astype(np.float32)
    small = film.reshape(56, 4, 56, 4).mean(axis=(1, 3))
    errors = [
        float(((load_upscaler(name, "cpu", 1).upscale(small) - film) ** 2).mean()) for name in ("lanczos", "embedded")
    ]
    assert errors[1] < 0.9 * errors[0]


def test_the_table_names_what_can_be_opened() -> None:
    assert [backend.name for backend in UPSCALERS][:3] == ["lanczos", "embedded", "swin2sr"]
    assert not missing_part(UPSCALERS[0])
    assert not missing_part(UPSCALERS[1])


class TestSmallFilms:
    """What the findings network says of a film that was small."""

    @pytest.fixture
    def weights(self, tmp_path: Path) -> Path:
        for name in ("findings.onnx", "findings.json"):
            shutil.copy(EMBEDDED_FOLDER / name, tmp_path)
        return tmp_path

    def card(self, weights: Path, **changes: object) -> None:
        """Write a calibration for 28 px by Lanczos, in which everything is as likely as not."""
        whole = json.loads((weights / "findings.json").read_text())
        outputs = {
            entry["name"]: {
                "a": 0.0, "b": 0.0, "bootstrap": [[0.0, -0.1], [0.0, 0.1]], "threshold": 0.4,
                "supported": entry["name"] != "Edema",
                "unsupported_reason": None if entry["name"] != "Edema" else "too small",
            }
            for entry in whole["outputs"]
        }  # fmt: skip
        measured = {"side_px": 28, "films": 10, "findings": 13, "auroc": 0.6, "auroc_whole": 0.7}
        entry = {"method": "lanczos", "side_px": 28, "measured": measured, "outputs": outputs}
        card = {"findings_sha256": whole["onnx_sha256"], "entries": [entry]} | changes
        (weights / FILE).write_text(json.dumps(card))

    def test_without_a_card_no_probability_is_shown(self, weights: Path) -> None:
        prediction = EmbeddedClassifier(weights, 1).predict(upscaled())
        scores = [*prediction.scores.values(), prediction.overall]
        assert all(score.probability is None for score in scores)
        assert all(str(score.unsupported_reason).startswith(NOT_FOR_UPSCALED) for score in scores)
        assert prediction.heatmaps == {}
        assert prediction.small_films is None

    def test_a_card_of_another_network_counts_as_none(self, weights: Path) -> None:
        self.card(weights, findings_sha256="0" * 64)
        prediction = EmbeddedClassifier(weights, 1).predict(upscaled())
        assert all(score.probability is None for score in prediction.scores.values())

    def test_its_calibration_takes_the_place_of_the_shipped_one(self, weights: Path) -> None:
        self.card(weights)
        classifier = EmbeddedClassifier(weights, 1)
        prediction = classifier.predict(upscaled())
        assert prediction.scores["Effusion"].probability == 0.5
        assert prediction.scores["Effusion"].threshold == 0.4
        assert prediction.scores["Edema"].probability is None
        assert prediction.scores["Edema"].unsupported_reason == "too small"
        assert prediction.small_films is not None
        assert prediction.small_films.side_px == 28
        # A whole film is still read as before.
        whole = small_film(300)
        assert classifier.predict(whole).scores == EmbeddedClassifier(EMBEDDED_FOLDER, 1).predict(whole).scores
        assert WithPrevalence(classifier, {"Effusion": 0.01}).predict(upscaled()).small_films == prediction.small_films

    def test_a_film_between_two_sizes_counts_as_the_smaller_one(self, weights: Path) -> None:
        self.card(weights)
        classifier = EmbeddedClassifier(weights, 1)
        assert classifier.predict(upscaled(100)).small_films is not None
        other = enlarge(small_film(), LanczosUpscaler())[0]
        by_another = small_film().upscaled(other.pixels, "another")
        assert classifier.predict(by_another).small_films is None

    def test_a_damaged_card_is_a_fault(self, weights: Path) -> None:
        self.card(weights, entries=[{"method": "lanczos"}])
        with pytest.raises(ModelError, match="upscaled"):
            EmbeddedClassifier(weights, 1)
