"""One phase of fine-tuning a reader, from a manifest to an adapter in a run folder."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from lucidray.domain.errors import ConflictError
from lucidray.readers.loc_tokens import LOC_TOKENS
from lucidray.readers.local.device import choose_device
from lucidray.training import reader_curves, reader_memory
from lucidray.training.reader_config import Config, check, same_config
from lucidray.training.reader_data import Data, about_data, collect, tell
from lucidray.training.reader_folder import ADAPTER, adapter_in, optimizer_of, save_adapter, settings, write_json
from lucidray.training.reader_measures import measure, write_reports
from lucidray.training.reader_model import Opened, load, open_base
from lucidray.training.reader_samples import read_collection
from lucidray.training.reader_trainer import ReaderTrainer, RunFolder, last_checkpoint
from lucidray.version import VERSION

Report = Callable[[str], None]
_MEASURED_SAMPLES = 64


def train(config: Config, folder: Path, *, resume: bool = False, force: bool = False, report: Report) -> Path:
    """Run one phase.

    Parameters
    ----------
    config : Config
    folder : Path
        Receives `config.json`, `data.json`, `metrics.jsonl`, `curves.svg`, `tensorboard/`, `checkpoints/`, `adapter/`.
    resume : bool
        Go on from the last whole checkpoint.
    force : bool
        Train although the estimate says that it does not fit.
    report : callable
        Told a line at a time.

    Returns
    -------
    Path
        The adapter, for ``--reader medgemma --adapter``.

    Raises
    ------
    UsageError, InputError, ModelError, ConflictError
    """
    check(config)
    checkpoints = folder / "checkpoints"
    if not resume and (folder / "config.json").exists():
        raise ConflictError(f"{folder} holds a run already: go on with --resume, or name another folder")
    if resume:
        same_config(config, folder)
    set_seed(config.seed)
    device = choose_device(config.device)
    manifest = read_collection(Path(config.csv), Path(config.images) if config.images else None)
    opened = open_base(config.model, config.revision, Path(config.prompts) if config.prompts else None)
    data = collect(config, manifest, opened.inputs)
    tell(data, report)
    tell_needs(config, opened, data, device, force=force, report=report)
    loaded = load(
        opened,
        phase=config.phase,
        quantize=config.quantize,
        device=device,
        dtype=torch.bfloat16 if device != "cpu" else torch.float32,
        lora_r=config.lora_r,
        lora_alpha=config.lora_alpha,
        phase1=adapter_in(Path(config.phase1_ckpt)) if config.phase1_ckpt else None,
        seed=config.seed,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", {"lucidray": VERSION, **asdict(config)})
    write_json(folder / "data.json", about_data(config, manifest, data))
    measured = data.held_out[: config.eval_films]

    def measured_now(model: Any) -> dict[str, float]:
        written = write_reports(
            model, loaded, measured, max_tokens=config.max_tokens, batch=max(1, min(len(measured), 8 * config.batch))
        )
        return measure(written, measured, config.hold_out)

    trainer = ReaderTrainer(
        loaded,
        settings(config, folder, device, len(data.train)),
        data.train,
        measured,
        measured_now,
        [RunFolder(folder, report)],
    )
    from_checkpoint = last_checkpoint(checkpoints) if resume else None
    trainer.train(resume_from_checkpoint=str(from_checkpoint) if from_checkpoint else None)
    if not trainer.just_evaluated:
        trainer.evaluate()
    if trainer.is_world_process_zero():
        save_adapter(loaded, config, folder / ADAPTER)
        reader_curves.draw(folder / "metrics.jsonl", folder / "curves.svg")
        reader_curves.card(folder)
    return folder / ADAPTER


def plan_of(config: Config, device: str, has_locs: bool, sequence: int, answer: int) -> reader_memory.Plan:
    """Return what decides the memory of a run."""
    return reader_memory.Plan(
        phase=config.phase,
        quantize=config.quantize,
        lora_r=config.lora_r,
        batch=config.batch,
        checkpointing=config.checkpointing,
        small_optimizer=optimizer_of(config, device).endswith("8bit"),
        cuda=device != "cpu",
        sequence=sequence,
        answer=answer,
        has_locs=has_locs,
    )


def tell_needs(
    config: Config, opened: Opened, data: Data, device: str, *, force: bool, report: Report
) -> reader_memory.Memory:
    """Say how much memory and work the run takes, from its longest samples among the first.

    Raises
    ------
    OutOfMemoryError
        It cannot fit, and nobody said that it is to be tried nevertheless.
    """
    some = data.train[:_MEASURED_SAMPLES]
    answers = [len(opened.inputs.answer(sample)) for sample in some]
    asked = [opened.inputs.question(sample).get("input_ids") for sample in some]
    questions = [0 if ids is None else int(ids.shape[1]) for ids in asked]
    sequence = max(question + answer for question, answer in zip(questions, answers, strict=True))
    has_locs = LOC_TOKENS[0] in opened.inputs.tokenizer.get_vocab()
    plan = plan_of(config, device, has_locs, sequence, max(answers))
    laid_out = reader_memory.layout(reader_memory.config_of(str(opened.checkpoint.folder)))
    memory = reader_memory.estimate(laid_out, plan)
    for line in memory.lines():
        report(f"{line} (sequences of {sequence} tokens, {max(answers)} of them answered)")
    work = reader_memory.operations(laid_out, plan)
    report(reader_memory.time_line(work, len(data.train) * config.epochs))
    told = reader_memory.check_fits(memory, device, force=force)
    if told:
        report(told)
    return memory
