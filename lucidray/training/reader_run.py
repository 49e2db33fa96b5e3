"""One phase of fine-tuning a reader, from a manifest to an adapter in a run folder."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainingArguments, set_seed

from lucidray.datasets.manifest import Manifest
from lucidray.domain.errors import ConflictError, InputError, UsageError
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.readers.local.adapter import ABOUT, PROMPTS
from lucidray.training import reader_curves, reader_memory
from lucidray.training.reader_inputs import check_films
from lucidray.training.reader_measures import measure, write_reports
from lucidray.training.reader_model import Loaded, load
from lucidray.training.reader_samples import Sample, Samples, located_samples, read_collection, text_samples
from lucidray.training.reader_trainer import ReaderTrainer, RunFolder, last_checkpoint
from lucidray.version import VERSION

ADAPTER = "adapter"
Report = Callable[[str], None]


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; written to `config.json`, and read from a TOML file by the same names.

    Attributes
    ----------
    csv, images : str
        Manifest (or plain table), and the folder of its films where the manifest does not name it.
    epochs : int
        Over the samples of the phase; phase 2 counts those with boxes.
    text_share : float
        In phase 2, samples of phase 1 as a share of all, so that text is not forgotten.
    hold_out : tuple of str
        Findings whose boxes are never trained on, to see whether places carry over.
    box_origins : tuple of str
        Whose boxes are trained on; held-out films are measured on boxes of radiologists alone.
    """

    phase: int
    csv: str
    images: str | None = None
    model: str = "google/medgemma-4b-it"
    revision: str | None = None
    phase1_ckpt: str | None = None
    epochs: float = 8
    lr: float = 5e-5
    lora_r: int = 64
    lora_alpha: int | None = None
    batch: int = 1
    accumulate: int = 16
    quantize: str = "4bit"
    checkpointing: bool = True
    optimizer: str = "auto"
    device: str = "auto"
    warmup: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    seed: int = 0
    limit: int | None = None
    max_tokens: int = 512
    eval_films: int = 64
    eval_steps: int = 200
    save_steps: int = 200
    log_steps: int = 10
    text_share: float = 0.3
    normal_share: float = 0.5
    hold_out: tuple[str, ...] = ()
    box_origins: tuple[str, ...] = ("radiologist", "model_assisted")
    prompts: str | None = None
    workers: int = 0


@dataclass(frozen=True)
class Data:
    """Samples of a run: what is trained on, what losses are measured on, and what reports are written of."""

    train: list[Sample]
    held_out: list[Sample]
    left_out: dict[str, int]


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
    manifest = read_collection(Path(config.csv), Path(config.images) if config.images else None)
    device = reader_memory.device_of(config.device)
    quantize = config.quantize
    loaded = load(
        config.model,
        phase=config.phase,
        revision=config.revision,
        quantize=quantize,
        device=device,
        dtype=torch.bfloat16 if device != "cpu" else torch.float32,
        lora_r=config.lora_r,
        lora_alpha=config.lora_alpha,
        phase1=adapter_in(Path(config.phase1_ckpt)) if config.phase1_ckpt else None,
        prompts=Path(config.prompts) if config.prompts else None,
        seed=config.seed,
    )
    data = collect(config, manifest, loaded)
    tell(data, report)
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
    trainer.evaluate()
    if trainer.is_world_process_zero():
        save_adapter(loaded, config, folder / ADAPTER)
        reader_curves.draw(folder / "metrics.jsonl", folder / "curves.svg")
        reader_curves.card(folder)
    return folder / ADAPTER


def check(config: Config) -> None:
    """Refuse what cannot be before anything is loaded.

    Raises
    ------
    UsageError
        See the message.
    """
    if config.phase not in (1, 2):
        raise UsageError(f"there is no phase {config.phase}: 1 teaches reports, 2 teaches boxes")
    if config.phase == 1 and config.phase1_ckpt:
        raise UsageError("phase 1 begins from the base model: --phase1-ckpt belongs to phase 2")
    if not 0 <= config.text_share < 1:
        raise UsageError("--text-share is at least 0 and below 1")


def adapter_in(folder: Path) -> Path:
    """Return the adapter of a run's folder, or the folder itself where it is one."""
    inside = folder / ADAPTER
    return inside if inside.is_dir() else folder


def collect(config: Config, manifest: Manifest, loaded: Loaded) -> Data:
    """Make the samples of a phase.

    Raises
    ------
    InputError
        There is nothing to train on, or nothing to measure on, or films are missing.
    """
    found: dict[str, list[Sample]] = {}
    left_out: dict[str, int] = {}
    segmenter = EmbeddedSegmenter(threads=1) if config.phase == 2 else None
    for split in ("train", "validation"):
        text = text_samples(manifest, split)
        parts: list[Samples] = [text]
        samples = text.samples
        if segmenter is not None:
            located = located_samples(
                manifest,
                split,
                loaded.inputs.lay,
                segmenter,
                origins=config.box_origins if split == "train" else ("radiologist", "model_assisted"),
                held_out=config.hold_out,
                normal_share=config.normal_share,
            )
            parts.append(located)
            samples = mixed(located.samples, text.samples, config.text_share, config.seed) if split == "train" else located.samples
        for part in parts:
            for why, count in part.left_out.items():
                left_out[f"{split}: {why}"] = left_out.get(f"{split}: {why}", 0) + count
        rng = np.random.default_rng(config.seed)
        found[split] = [samples[row] for row in rng.permutation(len(samples))][: config.limit]
    if not found["train"]:
        raise InputError("there is nothing to train on: " + (json.dumps(left_out) if left_out else "no film in train"))
    if not found["validation"]:
        raise InputError("there is nothing to measure on: the split validation has no such films")
    check_films([*found["train"], *found["validation"]])
    return Data(found["train"], found["validation"], {why: count for why, count in left_out.items() if count})


def mixed(located: Sequence[Sample], text: Sequence[Sample], share: float, seed: int) -> list[Sample]:
    """Return the samples with boxes, and as many of phase 1 as make up `share` of all."""
    wanted = round(len(located) * share / (1 - share))
    rng = np.random.default_rng(seed)
    order = [int(row) for row in rng.permutation(len(text))]
    return [*located, *(text[row] for row in (order * (wanted // max(len(order), 1) + 1))[:wanted] if len(text))]


def tell(data: Data, report: Report) -> None:
    """Say what is trained on, and what was left out."""
    boxes = sum(len(sample.film.boxes) for sample in data.train if sample.strategy == "located")
    report(f"{len(data.train)} samples to train on ({boxes} boxes), {len(data.held_out)} held out")
    for why, count in data.left_out.items():
        report(f"left out, {why}: {count}")


def about_data(config: Config, manifest: Manifest, data: Data) -> dict[str, Any]:
    """Return what `data.json` says: the manifest's hash, and counts."""
    table = Path(config.csv)
    table = table / "manifest.csv" if table.is_dir() else table
    return {
        "manifest_sha256": sha256(table.read_bytes()).hexdigest(),
        "films": {split: len(manifest.of(split)) for split in ("train", "validation", "test")},
        "samples": {"train": len(data.train), "validation": len(data.held_out)},
        "patients": {
            "train": len({sample.film.patient for sample in data.train}),
            "validation": len({sample.film.patient for sample in data.held_out}),
        },
        "strategies": {
            name: sum(sample.strategy == name for sample in data.train)
            for name in sorted({sample.strategy for sample in data.train})
        },
        "left_out": data.left_out,
    }


def settings(config: Config, folder: Path, device: str, samples: int) -> TrainingArguments:
    """Translate to transformers' own settings."""
    optimizer = config.optimizer
    if optimizer == "auto":
        # 8 bits for the optimizer's two moments, paged out where the GPU is full.
        optimizer = "paged_adamw_8bit" if device == "cuda" else "adamw_torch"
    steps = max(1, round(samples * config.epochs / (config.batch * config.accumulate)))
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=config.epochs,
        learning_rate=config.lr,
        lr_scheduler_type="cosine",
        warmup_steps=round(config.warmup * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        per_device_train_batch_size=config.batch,
        per_device_eval_batch_size=max(1, config.batch),
        gradient_accumulation_steps=config.accumulate,
        gradient_checkpointing=config.checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=device == "cuda",
        use_cpu=device == "cpu",
        optim=optimizer,
        seed=config.seed,
        data_seed=config.seed,
        logging_steps=config.log_steps,
        eval_strategy="steps",
        eval_steps=config.eval_steps,
        save_strategy="steps",
        save_steps=config.save_steps,
        save_total_limit=2,
        report_to=["tensorboard"] if find_spec("tensorboard") else [],
        remove_unused_columns=False,
        dataloader_num_workers=config.workers,
        dataloader_pin_memory=device == "cuda",
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        label_names=["labels"],
        logging_nan_inf_filter=False,
    )


def save_adapter(loaded: Loaded, config: Config, folder: Path) -> None:
    """Write the adapter in PEFT's layout, with the processor and the prompts that it was trained with."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    loaded.model.save_pretrained(str(part))
    loaded.inputs.processor.save_pretrained(str(part))
    if loaded.is_decoder:
        loaded.inputs.tokenizer.save_pretrained(str(part))
    else:
        shipped = files("lucidray.readers").joinpath("prompts")
        (part / PROMPTS).mkdir()
        source = Path(config.prompts) if config.prompts else shipped
        for entry in source.iterdir():
            if entry.name.endswith(".txt"):
                (part / PROMPTS / entry.name).write_text(entry.read_text(encoding="utf-8"), encoding="utf-8")
    about = {
        "lucidray": VERSION,
        "phase": config.phase,
        "model": loaded.checkpoint.name,
        "version": loaded.checkpoint.version,
        "family": "encoder-decoder" if loaded.is_decoder else "chat",
        "added_tokens": loaded.added_tokens,
        "strategy": None if loaded.is_decoder else ("located" if config.phase == 2 else "zero-shot"),
    }
    write_json(part / ABOUT, about)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def same_config(config: Config, folder: Path) -> None:
    """Refuse to go on with a run of another configuration.

    Raises
    ------
    ConflictError, InputError
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no run that could go on")
    before = json.loads(path.read_text(encoding="utf-8"))
    now = json.loads(json.dumps(asdict(config)))
    differing = sorted(name for name, value in now.items() if before.get(name) != value)
    if differing:
        raise ConflictError(f"the run in {folder} was begun with another {', '.join(differing)}")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file at once or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def with_defaults(config: Config) -> Config:
    """Take what phase 2 usually has where nothing else was said."""
    return replace(config, epochs=30) if config.phase == 2 else config
