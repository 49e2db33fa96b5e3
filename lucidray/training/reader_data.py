"""The samples of a run: chosen, mixed, counted."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from lucidray.datasets.manifest import Manifest, Split
from lucidray.domain.errors import InputError
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.training.reader_config import Config
from lucidray.training.reader_inputs import Inputs, check_films
from lucidray.training.reader_samples import LOCATED, Sample, located_samples, text_samples


@dataclass(frozen=True)
class Data:
    """Samples of a run: what is trained on, what losses are measured on, and what reports are written of."""

    train: list[Sample]
    held_out: list[Sample]
    left_out: dict[str, int]


def collect(config: Config, manifest: Manifest, inputs: Inputs) -> Data:
    """Make the samples of a phase.

    Raises
    ------
    InputError
        There is nothing to train on, or nothing to measure on, or films are missing.
    """
    found: dict[str, list[Sample]] = {}
    left_out: dict[str, int] = {}
    segmenter = EmbeddedSegmenter(threads=1) if config.phase == 2 else None
    splits: tuple[Split, ...] = ("train", "validation")
    for split in splits:
        text = text_samples(manifest, split)
        parts = [text]
        samples = text.samples
        if segmenter is not None:
            located = located_samples(
                manifest,
                split,
                inputs.lay,
                segmenter,
                origins=config.box_origins if split == "train" else ("radiologist", "model_assisted"),
                held_out=config.hold_out,
                normal_share=config.normal_share,
            )
            parts.append(located)
            samples = located.samples
            if split == "train":
                samples = mixed(located.samples, text.samples, config.text_share, config.seed)
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


def tell(data: Data, report: Callable[[str], None]) -> None:
    """Say what is trained on, and what was left out."""
    boxes = sum(len(sample.film.boxes) for sample in data.train if sample.strategy == LOCATED)
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
