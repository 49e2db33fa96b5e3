"""Both phases on drawn films with a small Gemma 3: what is trained, what is not, and that it can be read with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs lucidray[train]")
pytest.importorskip("peft", reason="needs lucidray[train]")
torch = pytest.importorskip("torch", reason="needs lucidray[train]")

from safetensors.torch import load_file
from tiny_models import asked

from lucidray.domain.errors import ConflictError, OutOfMemoryError, UsageError, WeightsError
from lucidray.imaging.film import read_film
from lucidray.readers.loc_tokens import LOC_TOKENS
from lucidray.readers.local.medgemma import MedGemma
from lucidray.readers.prompt import ask
from lucidray.training import reader_memory, reader_run
from lucidray.training.reader_config import Config
from lucidray.training.reader_merge import merge

pytestmark = pytest.mark.extra
QUIET = lambda _line: None  # noqa: E731


def config(collection: Path, tiny: Path, **changes: object) -> Config:
    common = Config(
        phase=1, csv=str(collection), model=str(tiny), quantize="none", device="cpu", epochs=3, lr=2e-2, lora_r=8,
        batch=4, accumulate=1, max_tokens=6, eval_films=2, eval_steps=100, save_steps=4, log_steps=1,
        checkpointing=False,
    )  # fmt: skip
    return replace(common, **changes)


@pytest.fixture(scope="module")
def phase1(collection: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "phase1"
    reader_run.train(config(collection, tiny), folder, report=QUIET)
    return folder


@pytest.fixture(scope="module")
def phase2(collection: Path, tiny: Path, phase1: Path) -> Path:
    folder = phase1.with_name("phase2")
    settings = config(collection, tiny, phase=2, phase1_ckpt=str(phase1), hold_out=("Consolidation",))
    reader_run.train(settings, folder, report=QUIET)
    return folder


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_phase_1_learns_and_trains_the_language_model_alone(phase1: Path) -> None:
    losses = [row["loss"] for row in metrics(phase1) if "loss" in row]
    assert losses[-1] < 0.9 * losses[0]
    names = set(load_file(phase1 / "adapter" / "adapter_model.safetensors"))
    assert names
    assert all("language_model" in name and "lora_" in name for name in names)
    assert not any("vision_tower" in name or "projector" in name for name in names)
    last = metrics(phase1)[-1]
    assert {"eval_token_loss", "eval_token_accuracy", "eval_claims_f1", "eval_parseable"} <= last.keys()


def test_the_run_folder_tells_what_was_done(phase1: Path, collection: Path) -> None:
    from hashlib import sha256

    told = json.loads((phase1 / "config.json").read_text())
    assert (told["phase"], told["lr"], told["lora_r"], told["seed"]) == (1, 2e-2, 8, 0)
    data = json.loads((phase1 / "data.json").read_text())
    assert data["manifest_sha256"] == sha256((collection / "manifest.csv").read_bytes()).hexdigest()
    assert data["samples"] == {"train": 16, "validation": 4}
    assert (phase1 / "curves.svg").read_text().startswith("<svg")
    assert "held out" in (phase1 / "README.md").read_text()
    assert list((phase1 / "checkpoints").glob("checkpoint-*/complete"))


def test_phase_2_trains_places_and_the_projector(phase1: Path, phase2: Path) -> None:
    before = load_file(phase1 / "adapter" / "adapter_model.safetensors")
    weights = load_file(phase2 / "adapter" / "adapter_model.safetensors")
    projector = [name for name in weights if "multi_modal_projector" in name]
    rows = [name for name in weights if "trainable_tokens" in name or "token_adapter" in name]
    assert projector
    assert len(rows) == 1
    assert weights[rows[0]].shape[0] == len(LOC_TOKENS)
    # It went on with the matrices of phase 1: they are nearer to those than to a new beginning, where B is zero.
    name = next(name for name in before if "lora_B" in name)
    assert torch.dist(weights[name], before[name]) < torch.linalg.norm(before[name]) * 3
    assert not torch.equal(weights[name], before[name])
    assert any("box_loss" in row for row in metrics(phase2))
    last = metrics(phase2)[-1]
    assert {"eval_box_loss"} <= last.keys()
    told = json.loads((phase2 / "data.json").read_text())
    assert told["strategies"]["located"] > 0
    assert told["strategies"]["zero-shot"] > 0
    assert told["left_out"]["train: boxes of findings that are held out"] == 4


def test_the_reader_reads_with_the_adapter_as_it_was_trained(phase2: Path, tiny: Path, collection: Path) -> None:
    reader = MedGemma(str(tiny), adapter=str(phase2 / "adapter"), device="cpu")
    tokenizer = reader._processor.tokenizer
    first = tokenizer.convert_tokens_to_ids(LOC_TOKENS[0])
    weights = load_file(phase2 / "adapter" / "adapter_model.safetensors")
    rows = next(value for name, value in weights.items() if "trainable_tokens" in name or "token_adapter" in name)
    film = read_film(collection.parent / "images" / "film09.png")
    wanted = asked(film, strategy="located")
    inputs = reader.prepare(wanted, ask(wanted, reader._prompts), reader.letterbox(wanted))
    embedded = reader._model.get_input_embeddings()(torch.tensor([[first, first + 1023]]))[0].float()
    scale = (
        reader._model.get_input_embeddings().embed_scale
        if hasattr(reader._model.get_input_embeddings(), "embed_scale")
        else 64**0.5
    )
    assert torch.allclose(embedded, rows[[0, 1023]] * float(scale), rtol=0.02, atol=0.02)
    with torch.inference_mode():
        assert torch.isfinite(reader._model(**inputs).logits.float()).all()
    assert "adapter" in reader.used.version


def test_merged_weights_answer_as_the_adapter_does(phase2: Path, tiny: Path, collection: Path, tmp_path: Path) -> None:
    merged = merge(phase2, tmp_path / "merged")
    one = MedGemma(str(tiny), adapter=str(phase2 / "adapter"), device="cpu")
    other = MedGemma(str(merged), device="cpu")
    bare = MedGemma(str(tiny), device="cpu")
    film = read_film(collection.parent / "images" / "film09.png")
    wanted = asked(film)
    scores = []
    for reader in (one, other, bare):
        inputs = reader.prepare(wanted, ask(wanted, one._prompts), reader.letterbox(wanted))
        with torch.inference_mode():
            exact = {**inputs, "pixel_values": inputs["pixel_values"].float()}
            scores.append(reader._model.float()(**exact).logits[0, -8:])
    tokens = scores[2].shape[1]
    assert torch.allclose(scores[0], scores[1], atol=0.05)
    assert not torch.allclose(scores[0][:, :tokens], scores[2], atol=0.5)
    with pytest.raises(ConflictError, match="not empty"):
        merge(phase2, tmp_path / "merged")


def test_an_adapter_for_another_base_is_refused(phase2: Path, tiny: Path, tmp_path: Path) -> None:
    from lucidray.training.reader_tiny import Size, build

    size = Size(side_px=56, patch_px=14, picture_tokens=16, width=64, layers=2, tower_width=64, tower_layers=1)
    other = build(tmp_path / "other", size._replace(width=128))
    with pytest.raises(WeightsError, match="whose weights are not those"):
        MedGemma(str(other), adapter=str(phase2 / "adapter"), device="cpu")
    # Of the same shape, with other weights.
    twin = tmp_path / "twin"
    shutil.copytree(tiny, twin)
    from safetensors.torch import save_file

    weights = load_file(twin / "model.safetensors")
    name = next(name for name in weights if name.endswith("norm.weight"))
    weights[name] = weights[name] + 1
    save_file(weights, twin / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="whose weights are not those"):
        MedGemma(str(twin), adapter=str(phase2 / "adapter"), device="cpu")
    stripped = tmp_path / "stripped"
    shutil.copytree(phase2 / "adapter", stripped)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (stripped / name).unlink()
    with pytest.raises(WeightsError, match="tokenizer files are missing"):
        MedGemma(str(tiny), adapter=str(stripped), device="cpu")


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(
    phase1: Path, collection: Path, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stopped"
    shutil.copytree(phase1, folder)
    shutil.rmtree(folder / "adapter")
    newest = max((folder / "checkpoints").iterdir(), key=lambda path: int(path.name.rpartition("-")[2]))
    (newest / "complete").unlink()  # half a checkpoint: it was being written when the run was stopped
    reader_run.train(config(collection, tiny), folder, resume=True, report=QUIET)
    whole = load_file(phase1 / "adapter" / "adapter_model.safetensors")
    resumed = load_file(folder / "adapter" / "adapter_model.safetensors")
    for name, value in whole.items():
        assert torch.allclose(value, resumed[name], atol=1e-5), name
    steps = [row["step"] for row in metrics(folder) if "loss" in row]
    assert steps == sorted(set(steps))
    with pytest.raises(ConflictError, match="another lr"):
        reader_run.train(config(collection, tiny, lr=1.0), folder, resume=True, report=QUIET)
    with pytest.raises(ConflictError, match="holds a run already"):
        reader_run.train(config(collection, tiny), folder, report=QUIET)


def test_what_cannot_fit_is_refused_before_weights_are_loaded(
    collection: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_memory, "free_bytes", lambda _device: 1000)
    monkeypatch.setattr(reader_run, "load", lambda *_, **__: pytest.fail("weights were loaded"))
    told: list[str] = []
    with pytest.raises(OutOfMemoryError, match="--force"):
        reader_run.train(config(collection, tiny), tmp_path / "run", report=told.append)
    assert any("estimated memory" in line for line in told)
    assert not (tmp_path / "run").exists()


def test_phase_1_takes_no_checkpoint_of_phase_1(collection: Path, tiny: Path, phase1: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="belongs to phase 2"):
        reader_run.train(config(collection, tiny, phase1_ckpt=str(phase1)), tmp_path / "run", report=QUIET)


def test_four_bits_train_too(collection: Path, tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="needs lucidray[train]")
    settings = config(collection, tiny, quantize="4bit", epochs=1, limit=4, checkpointing=True)
    adapter = reader_run.train(settings, tmp_path / "run", report=QUIET)
    weights = load_file(adapter / "adapter_model.safetensors")
    trained = [value for name, value in weights.items() if "lora_B" in name]
    assert all(np.isfinite(value.numpy()).all() for value in trained)
    assert any(value.abs().max() > 0 for value in trained)
