"""Own classifiers: the unknown teaches nothing, a stopped run ends as one that was not, and one can read with it."""

import json
from pathlib import Path

import numpy as np
import pytest
from borrowed_models import make_torchvision_importable
from prepared_films import prepared

pytest.importorskip("torch", reason="needs lucidray[train]")
pytest.importorskip("accelerate", reason="needs lucidray[train]")
pytest.importorskip("onnx", reason="needs lucidray[train]")
make_torchvision_importable()
pytest.importorskip("timm", reason="needs lucidray[train]")

import timm
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from lucidray.datasets.manifest import Manifest, read_manifest, write_manifest
from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.film import read_film
from lucidray.models.registry import open_classifier
from lucidray.training import backbone_calibration
from lucidray.training.backbone import train
from lucidray.training.backbone_config import Config, wanted
from lucidray.training.backbone_films import Films, Shown, taught, truth_of, vary
from lucidray.training.backbone_losses import masked_loss, positive_weights
from lucidray.training.backbone_network import build, is_exact, preparation_of

pytestmark = pytest.mark.extra
SMALL = {"weights": "none", "size": 64, "batch": 8, "epochs": 2, "device": "cpu", "head_learning_rate": 3e-3}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(data, folder, Config("test_resnet", **SMALL))
    return folder


@pytest.fixture(autouse=True)
def own_process() -> None:
    """Accelerate keeps its precision for the life of a process; a command has a process of its own."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


class StoppedError(Exception):
    pass


def test_a_run_leaves_what_it_was_and_what_it_is_worth(run: Path, data: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    assert config["backbone"] == "test_resnet"
    assert config["outputs"] == ["Effusion", "Nodule", "Any abnormality"]
    about = json.loads((run / "data.json").read_text())
    assert len(about["sha256"]) == 64
    assert about["splits"]["train"]["films"] == 36
    assert about["splits"]["train"]["Effusion"] == 18
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    result = json.loads((run / "findings.json").read_text())
    assert result["findings"]["Effusion"]["n"] == 12
    assert (
        result["findings"]["Effusion"]["figures"]["auroc"]["low"]
        <= result["findings"]["Effusion"]["figures"]["auroc"]["value"]
    )
    assert "shuffled_auroc" in result["findings"]["Effusion"]["controls"]
    for kind in ("roc", "precision-recall"):
        assert (run / "plots" / f"effusion-{kind}.svg").read_text().startswith("<svg")
    assert "<svg" in (run / "findings.html").read_text()


def test_both_folders_answer_as_the_network_and_point_exactly(run: Path, data: Path) -> None:
    film = read_film(data / "images" / "1.png")
    answers = [
        open_classifier(f"{kind}:{run / kind}", device="cpu", threads=1).predict(film) for kind in ("onnx", "timm")
    ]
    for label in ("Effusion", "Nodule"):
        first, second = (answer.scores[label].raw for answer in answers)
        assert first == pytest.approx(second, abs=1e-3)
        assert answers[0].heatmaps[label].values == pytest.approx(answers[1].heatmaps[label].values, abs=1e-3)
    assert answers[0].overall.raw == pytest.approx(answers[1].overall.raw, abs=1e-3)
    assert answers[0].scores["Mass"].raw is None


def test_too_few_films_give_no_probability(run: Path, data: Path) -> None:
    assert "25" in json.loads((run / "findings.json").read_text())["uncalibrated"]
    card = json.loads((run / "onnx" / "card.json").read_text())
    assert "calibration" not in card
    assert card["training"] == {"data": ["drawn"]}
    film = read_film(data / "images" / "1.png")
    assert open_classifier(f"onnx:{run / 'onnx'}", device="cpu").predict(film).scores["Effusion"].probability is None


def test_a_run_that_was_stopped_ends_as_one_that_was_not(run: Path, data: Path, tmp_path: Path) -> None:
    def stop(line: str) -> None:
        if line.startswith("epoch 1 of"):
            raise StoppedError

    config = Config("test_resnet", **SMALL)
    with pytest.raises(StoppedError):
        train(data, tmp_path, config, report=stop)
    with pytest.raises(UsageError, match="exists"):
        train(data, tmp_path, config)
    with pytest.raises(UsageError, match="other settings \\(focal\\)"):
        train(data, tmp_path, Config("test_resnet", **SMALL, focal=2.0), resume=True)
    train(data, tmp_path, config, resume=True)
    whole, again = (load_file(folder / "timm" / "model.safetensors") for folder in (run, tmp_path))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert (run / "metrics.jsonl").read_text() == (tmp_path / "metrics.jsonl").read_text()


def test_a_network_without_an_exact_map_says_so(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pytorch_grad_cam", reason="needs lucidray[timm]")
    options = {**SMALL, "epochs": 1, "accumulate": 2, "label_smoothing": 0.1, "focal": 1.0, "class_weights": "balanced"}
    train(data, tmp_path, Config("test_convnext", task="disease:Effusion", **options, precision="bf16"))
    assert json.loads((tmp_path / "onnx" / "card.json").read_text())["heatmap"]["kind"] == "occlusion"
    assert json.loads((tmp_path / "timm" / "card.json").read_text())["heatmap"]["kind"] == "grad-cam"
    film = read_film(data / "images" / "1.png")
    heatmap = open_classifier(f"timm:{tmp_path / 'timm'}", device="cpu").predict(film).heatmaps["Effusion"]
    assert heatmap.kind == "grad-cam"


# -- what it learns from


def test_unknown_labels_teach_nothing() -> None:
    logits = torch.randn(6, 3, requires_grad=True)
    truth = torch.tensor([[1.0, 0.0, float("nan")]] * 6)
    masked_loss(logits, truth, torch.ones(3), focal=2.0, smoothing=0.1).backward()
    assert logits.grad is not None
    assert (logits.grad[:, 2] == 0).all()
    assert (logits.grad[:, :2] != 0).all()
    assert masked_loss(logits.detach(), torch.full((6, 3), float("nan")), torch.ones(3)).item() == 0.0


def test_the_loss_is_cross_entropy_and_its_focal_form() -> None:
    logits, truth = torch.tensor([[0.3], [-1.2]]), torch.tensor([[1.0], [0.0]])
    plain = binary_cross_entropy_with_logits(logits, truth)
    assert masked_loss(logits, truth, torch.ones(1)) == pytest.approx(float(plain))
    p = torch.sigmoid(logits)
    focal = -((1 - p[0]) ** 2 * p[0].log() + p[1] ** 2 * (1 - p[1]).log()) / 2
    assert masked_loss(logits, truth, torch.ones(1), focal=2.0) == pytest.approx(float(focal), abs=1e-6)
    smoothed = binary_cross_entropy_with_logits(logits, torch.tensor([[0.95], [0.05]]))
    assert masked_loss(logits, truth, torch.ones(1), smoothing=0.1) == pytest.approx(float(smoothed))


def test_rare_findings_weigh_more_up_to_a_limit() -> None:
    truth = np.array([[1, 1], [0, 1], [0, 1], [0, np.nan], [0, 0]], dtype=np.float32)
    assert positive_weights(truth, "balanced", 10.0) == pytest.approx([4.0, 1 / 3])
    assert positive_weights(truth, "sqrt", 1.5) == pytest.approx([1.5, 1 / 1.5])
    assert positive_weights(truth, "none", 10.0) == pytest.approx([1.0, 1.0])


def test_tasks_and_states_of_labels(data: Path) -> None:
    assert wanted("normal") == ("Any abnormality",)
    assert wanted("disease:early-cancer") == ("Nodule", "Mass")
    assert wanted("disease:pleural effusion,Mass") == ("Effusion", "Mass")
    with pytest.raises(UsageError, match="none of"):
        wanted("disease:Flu")
    films = read_manifest(data).of("train")
    truth = truth_of(films, ("Nodule",), "leave-out")
    assert np.isnan(truth).sum() == sum("Nodule" not in film.truth for film in films)
    with pytest.raises(UsageError, match="Mass has 0"):
        taught(films, ("Mass",), "leave-out", 5)


def test_a_patient_in_two_splits_is_refused(data: Path, tmp_path: Path) -> None:
    manifest = read_manifest(data)
    films = [
        film if film.film != "6.png" else type(film)(**{**film.__dict__, "patient": "p0"}) for film in manifest.films
    ]
    write_manifest(Manifest(tuple(films), manifest.images), tmp_path / "bad", {})
    with pytest.raises(UsageError, match="p0 has films in two splits"):
        train(tmp_path / "bad", tmp_path / "run", Config("test_resnet", **SMALL))


def test_a_film_is_shown_as_it_is_read(data: Path) -> None:
    preparation = preparation_of("test_resnet", 64)
    path = data / "images" / "1.png"
    from lucidray.training.backbone_films import seen

    film = read_film(path)
    expected, _ = preparation.apply(film.pixels)
    rows = read_manifest(data).films[:1]
    films = Films(rows, seen(path, preparation)[None], truth_of(rows, ("Effusion",), "leave-out"), ("Effusion",))
    shown, _, _ = Shown(films, np.array([0]), preparation)[0]
    assert np.abs(shown.numpy() - expected[0]).max() <= 0.51 / 255 / min(preparation.std)


def test_a_variation_is_decided_by_its_seed_and_mirrors_only_when_asked() -> None:
    pixels = np.zeros((64, 64), dtype=np.uint8)
    pixels[20:44, 4:24] = 200
    first, again = (vary(pixels, np.random.default_rng(5), 0.0) for _ in range(2))
    assert (first == again).all()
    for seed in range(20):
        film = vary(pixels, np.random.default_rng(seed), 0.0)
        assert film[:, :32].mean() > film[:, 32:].mean()
        mirrored = vary(pixels, np.random.default_rng(seed), 1.0)
        assert mirrored[:, :32].mean() < mirrored[:, 32:].mean()


# -- weights


def test_weights_that_cannot_be_had_are_told_and_never_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **options: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ModelError, match=r"cannot be had .no network.*--weights none"):
        build("resnet18", "imagenet", 2, 64, 0.0)
    with pytest.raises(UsageError, match="did you mean resnet"):
        build("resnet19", "imagenet", 2, 64, 0.0)


def test_weights_of_ones_own_fill_all_but_a_head_that_does_not_fit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    other = timm.create_model("test_resnet", num_classes=7)
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    said: list[str] = []
    network = build("test_resnet", str(tmp_path / "w.safetensors"), 2, 64, 0.0, said.append)
    own, given = network.state_dict(), other.state_dict()
    head = [name for name in own if own[name].shape != given[name].shape]
    assert len(head) == 2
    assert all(torch.equal(own[name], given[name]) for name in own if name not in head)
    assert "begins anew" in said[0]
    save_file({"odd": torch.zeros(2)}, tmp_path / "bad.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        build("test_resnet", str(tmp_path / "bad.safetensors"), 2, 64, 0.0)


@pytest.mark.parametrize(
    ("name", "exact"),
    [("test_resnet", True), ("test_efficientnet", True), ("test_convnext", False), ("test_vit", False)],
)
def test_whether_a_map_is_exact_is_tried_out(name: str, exact: bool) -> None:
    size = preparation_of(name, None).size[0]
    assert is_exact(build(name, "none", 3, size, 0.0), size) is exact


# -- calibration


def calibrated_films() -> tuple[Films, np.ndarray, np.ndarray]:
    """Two hundred validation films whose logits rank well, beside as many test films."""
    rng = np.random.default_rng(0)
    data = [
        {
            "film": f"{n}.png",
            "patient": f"p{n}",
            "split": "validation" if n < 200 else "test",
            "truth": {},
            "age_years": 40.0,
        }
        for n in range(400)
    ]
    from lucidray.datasets.manifest import ManifestFilm

    truth = (np.arange(400) % 3 == 0).astype(np.float32)[:, None]
    logits = (2.5 * truth - 1 + rng.normal(0, 1, truth.shape)).astype(np.float32)
    films = Films(tuple(ManifestFilm(**one) for one in data), np.zeros((400, 1, 1), np.uint8), truth, ("Effusion",))
    return films, logits, films.of("validation")


def test_calibration_and_threshold_are_of_validation_films() -> None:
    films, logits, rows = calibrated_films()
    entries, reason = backbone_calibration.fit(films, logits[rows], rows, "f1")
    assert reason is None
    assert entries["Effusion"]["n"] == 200
    assert entries["Effusion"]["threshold_aim"] == "the greatest F1 on these films"
    from sklearn.metrics import f1_score

    said = backbone_calibration.said(("Effusion",), logits[rows], entries)
    probability = np.array([one.probability["Effusion"] for one in said])
    scores = [f1_score(films.truth[rows, 0], probability >= cut) for cut in np.unique(probability)]
    own = f1_score(films.truth[rows, 0], probability >= entries["Effusion"]["threshold"])
    assert own == pytest.approx(max(scores), abs=1e-3)


def test_children_are_calibrated_apart() -> None:
    films, _, _ = calibrated_films()
    rows = tuple(
        type(film)(**{**film.__dict__, "age_years": 4.0}) if n % 3 else film for n, film in enumerate(films.rows)
    )
    films = Films(rows, films.pixels, films.truth, films.outputs)
    assert backbone_calibration.population_of(films) == "children"
    chosen = backbone_calibration.of_population(films, "validation", "children")
    assert all(films.rows[row].age_years == 4.0 for row in chosen)


def test_a_calibrated_folder_shows_probabilities(run: Path, tmp_path: Path) -> None:
    import shutil

    from lucidray.training.backbone_export import calibrate

    shutil.copytree(run / "onnx", tmp_path / "onnx")
    films, logits, rows = calibrated_films()
    entries, _ = backbone_calibration.fit(films, logits[rows], rows, "youden")
    sha256 = json.loads((run / "onnx" / "card.json").read_text())["sha256"]
    calibrate(tmp_path, {"onnx": sha256}, entries, "adults", 200)
    film = Radiograph(np.zeros((64, 64), dtype=np.float32), name="film", format="array")
    classifier = open_classifier(f"onnx:{tmp_path / 'onnx'}", device="cpu")
    score = classifier.predict(film).scores["Effusion"]
    assert score.probability is not None
    assert score.threshold == entries["Effusion"]["threshold"]
    assert classifier.used.calibration_sha256 is not None
    # Bound to these weights: of others it says nothing.
    calibrate(tmp_path, {"onnx": "0" * 64}, entries, "adults", 200)
    with pytest.raises(ModelError, match="fitted to"):
        open_classifier(f"onnx:{tmp_path / 'onnx'}", device="cpu")
