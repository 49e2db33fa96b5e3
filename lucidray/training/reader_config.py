"""Everything that decides a run of fine-tuning a reader."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lucidray.domain.errors import ConflictError, InputError, UsageError


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


def configured(values: Mapping[str, Any]) -> Config:
    """Make a configuration of options by their names.

    Raises
    ------
    UsageError
        One is not known, or its value of another kind.
    """
    kinds = {field.name: field.type for field in fields(Config)}
    for name, value in values.items():
        if name not in kinds:
            raise UsageError(f"{name} is no option of train reader")
        kind = str(kinds[name])
        fits = (
            (value is None and "None" in kind)
            or (isinstance(value, bool) and "bool" in kind)
            or (isinstance(value, str) and "str" in kind and "tuple" not in kind)
            or (isinstance(value, tuple) and "tuple" in kind)
            or (isinstance(value, int) and not isinstance(value, bool) and ("int" in kind or "float" in kind))
            or (isinstance(value, float) and "float" in kind)
        )
        if not fits:
            raise UsageError(f"{name} = {value!r} is of another kind than {kind}")
    return Config(**values)


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
