"""The estimate's parts against what a small model really takes."""

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs lucidray[train]")
pytest.importorskip("peft", reason="needs lucidray[train]")
torch = pytest.importorskip("torch", reason="needs lucidray[train]")

from lucidray.datasets.manifest import read_manifest
from lucidray.domain.errors import OutOfMemoryError, WeightsError
from lucidray.training import reader_memory
from lucidray.training.reader_memory import Memory, Plan, check_fits, config_of, estimate, layout, operations
from lucidray.training.reader_model import load, open_base
from lucidray.training.reader_samples import text_samples
from lucidray.training.reader_trainer import scores_and_targets, sums_of

pytestmark = pytest.mark.extra


@pytest.mark.parametrize("phase", [1, 2])
def test_weights_adapters_and_optimizer_are_counted_exactly(tiny: Path, phase: int) -> None:
    plan = Plan(phase=phase, quantize="none", lora_r=4, cuda=False, small_optimizer=False)
    told = estimate(layout(config_of(str(tiny))), plan)
    loaded = load(open_base(str(tiny)), phase=phase, quantize="none", dtype=torch.float32, lora_r=4)
    trained = [one for one in loaded.model.parameters() if one.requires_grad]
    assert told.trained == sum(one.numel() * one.element_size() for one in trained)
    base = {id(one): one for one in loaded.model.parameters() if not one.requires_grad}
    assert told.weights == pytest.approx(sum(one.numel() * one.element_size() for one in base.values()), rel=0.01)
    optimizer = torch.optim.AdamW(trained)
    for one in trained:
        one.grad = torch.zeros_like(one)
    assert told.gradients == sum(one.grad.nbytes for one in trained)
    optimizer.step()
    moments = sum(value.nbytes for state in optimizer.state.values() for value in state.values() if value.ndim)
    assert told.optimizer == moments


def test_four_bits_are_counted_as_bitsandbytes_keeps_them(tiny: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="needs lucidray[train]")
    told = estimate(layout(config_of(str(tiny))), Plan(quantize="4bit", lora_r=4))
    loaded = load(open_base(str(tiny)), phase=1, quantize="4bit", dtype=torch.bfloat16, lora_r=4)
    real = 0
    for one in {id(one): one for one in loaded.model.parameters() if not one.requires_grad}.values():
        real += one.numel() * one.element_size()
        state = getattr(one, "quant_state", None)
        if state is not None:
            real += state.absmax.nbytes + state.state2.absmax.nbytes
    # Its tables of 16 and 256 values come with each layer: much of so small a model, nothing of a large one.
    assert told.weights == pytest.approx(real, rel=0.05)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_activations_are_of_the_size_that_is_kept(tiny: Path, collection: Path, checkpointing: bool) -> None:
    samples = text_samples(read_manifest(collection), "train").samples[:2]
    loaded = load(open_base(str(tiny)), phase=1, quantize="none", dtype=torch.float32, lora_r=8)
    if checkpointing:
        loaded.model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})
    loaded.model.train()
    batch = loaded.inputs.collate(samples)
    kept: dict[int, int] = {}
    weights = {one.untyped_storage().data_ptr() for one in loaded.model.parameters()}

    def note(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        scores, targets = scores_and_targets(loaded.model, batch, is_decoder=False)
        total, _ = sums_of(scores, targets, torch.tensor([]))
    plan = Plan(
        quantize="none", lora_r=8, cuda=False, checkpointing=checkpointing, batch=2,
        sequence=batch["input_ids"].shape[1], answer=scores.shape[1],
    )  # fmt: skip
    told = estimate(layout(config_of(str(tiny))), plan)
    real = sum(kept.values())
    # What is kept until the way back; with checkpointing one block is computed again on top of it.
    if checkpointing:
        assert real < told.activations + told.scores
    else:
        assert 0.5 < real / (told.activations + told.scores) < 2
    assert float(total) > 0


def test_the_aim_of_eight_gigabytes_is_met_on_paper() -> None:
    told = estimate(layout(config_of("google/medgemma-4b-it")), Plan(phase=2))
    assert 6e9 < told.total < 8e9
    without = estimate(layout(config_of("google/medgemma-4b-it")), Plan(phase=2, quantize="none"))
    assert without.weights > 2 * told.weights


def test_a_larger_run_takes_more() -> None:
    model = layout(config_of("google/medgemma-1.5-4b-it"))
    usual = estimate(model, Plan())
    assert estimate(model, Plan(batch=2)).activations == 2 * usual.activations
    assert estimate(model, Plan(checkpointing=False)).activations > 5 * usual.activations
    assert estimate(model, Plan(lora_r=128)).trained == 2 * usual.trained
    assert estimate(model, Plan(small_optimizer=False)).optimizer == 4 * usual.optimizer
    assert operations(model, Plan(checkpointing=False)) < operations(model, Plan())


def test_what_does_not_fit_is_refused_or_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_memory, "free_bytes", lambda _device: 6e9)
    large, small = Memory(5_000_000_000, *[500_000_000] * 6), Memory(1_000_000, *[0] * 6)
    assert check_fits(small, "cpu", force=False) is None
    with pytest.raises(OutOfMemoryError, match=r"8\.00 GB are needed and 6\.00 GB are free"):
        check_fits(large, "cpu", force=False)
    told = check_fits(large, "cpu", force=True)
    assert told is not None
    assert "--force" in told


def test_a_model_that_nobody_knows_has_no_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="configuration"):
        config_of(str(tmp_path))
