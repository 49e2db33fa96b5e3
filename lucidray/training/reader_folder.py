"""What a run writes beside its figures: transformers' settings, and the adapter with what belongs to it."""

import json
import shutil
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from lucidray.readers.local.adapter import ABOUT, PROMPTS
from lucidray.training.reader_config import Config
from lucidray.training.reader_model import Loaded
from lucidray.version import VERSION

ADAPTER = "adapter"


def adapter_in(folder: Path) -> Path:
    """Return the adapter of a run's folder, or the folder itself where it is one."""
    inside = folder / ADAPTER
    return inside if inside.is_dir() else folder


def settings(config: Config, folder: Path, device: str, samples: int) -> TrainingArguments:
    """Translate to transformers' own settings."""
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
        **_checkpointing(config.checkpointing),
        bf16=device == "cuda",
        use_cpu=device == "cpu",
        optim=optimizer_of(config, device),
        seed=config.seed,
        data_seed=config.seed,
        logging_steps=config.log_steps,
        eval_strategy="steps",
        eval_steps=config.eval_steps,
        save_strategy="steps",
        save_steps=config.save_steps,
        save_total_limit=2,
        report_to=[],  # `RunFolder` writes what there is
        remove_unused_columns=False,
        dataloader_num_workers=config.workers,
        dataloader_pin_memory=device == "cuda",
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        label_names=["labels"],
        logging_nan_inf_filter=False,
    )


def _checkpointing(wanted: bool) -> dict[str, Any]:
    # transformers renamed it within version 5.
    known = {field.name for field in fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    return {name: wanted, f"{name}_kwargs": {"use_reentrant": False} if wanted else None}


def optimizer_of(config: Config, device: str) -> str:
    """Return the optimizer's name: by default one whose moments have 8 bits, paged out where a GPU is full."""
    if config.optimizer != "auto":
        return config.optimizer
    return "paged_adamw_8bit" if device == "cuda" else "adamw_torch"


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
        "base_fingerprint": loaded.base_fingerprint,
        "added_tokens": loaded.added_tokens,
        "strategy": None if loaded.is_decoder else ("located" if config.phase == 2 else "zero-shot"),
    }
    write_json(part / ABOUT, about)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file at once or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
