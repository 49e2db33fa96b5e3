"""Fine-tune the small reader in both phases, measure it on test films, and write down what came of it.

    python tools/reader_training.py FILMS RUNS            # manifest, base, both phases, then measures
    python tools/reader_training.py FILMS RUNS --measure  # measures alone, on the runs that are there

Writes `docs/results/reader_training.json` and `docs/images/reader-training.svg`.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from lucidray.datasets.manifest import Manifest, read_manifest
from lucidray.domain.answer import NamedBox
from lucidray.domain.box import Box
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.draws import Draws, ratio
from lucidray.evaluation.report_controls import shuffled
from lucidray.evaluation.report_tables import Pairs, Record
from lucidray.evaluation.reports import Options, evaluate_reports
from lucidray.imaging.film import read_film
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.readers.local.adapter import prompts_of, with_adapter
from lucidray.readers.local.checkpoint import Checkpoint
from lucidray.training.reader_curves import read_metrics, svg
from lucidray.training.reader_inputs import ChatInputs
from lucidray.training.reader_measures import BoxScore, Written, score_boxes, score_given, truth_boxes, write_reports
from lucidray.training.reader_model import Loaded
from lucidray.training.reader_samples import Sample, located_samples, text_samples

ROOT = Path(__file__).parents[1]
HELD_OUT = ("Effusion", "Atelectasis", "Pneumothorax", "Mass", "Nodule")
TEXT_FILMS, MAX_TOKENS, RANDOM_DRAWS = 100, 160, 50
PROMPTS = {
    "zero-shot": "Film: {patient}. Write a report in {language}.\n",
    "located": "Film: {patient}. Write a report in {language}, with the places of what is abnormal.\n",
}
COMMON = (
    "--quantize none --device cpu --lora-r 16 --batch 16 --accumulate 1 --lr 3e-3 --no-checkpointing --eval-films 64"
)
TEACH = "--tower-steps 500 --caption-steps 250 --segmented 600"
PHASE_1 = f"{COMMON} --epochs 0.8 --max-tokens 128 --eval-steps 100 --save-steps 100"
PHASE_2 = f"{COMMON} --epochs 3 --max-tokens {MAX_TOKENS} --eval-steps 60 --save-steps 60"


def run(films: Path, runs: Path) -> None:
    """Make the manifest and the base, and go through both phases."""
    subprocess.run(
        [sys.executable, str(ROOT / "tools" / "reader_films.py"), str(films), str(runs / "films")], check=True
    )
    prompts = runs / "prompts"
    prompts.mkdir(parents=True, exist_ok=True)
    for name, text in PROMPTS.items():
        (prompts / f"{name}.txt").write_text(text, encoding="utf-8")
    _lucidray("tiny-reader", "--csv", runs / "films", "--out", runs / "base", *TEACH.split())
    both = ("--csv", runs / "films", "--model", runs / "base", "--prompts", prompts)
    _lucidray("reader", "--phase", 1, *both, "--output", runs / "phase1", *PHASE_1.split())
    held_out = [part for name in HELD_OUT for part in ("--hold-out", name)]
    phase_1 = ("--phase1-ckpt", runs / "phase1")
    _lucidray("reader", "--phase", 2, *both, *phase_1, "--output", runs / "phase2", *PHASE_2.split(), *held_out)


def _lucidray(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "lucidray", "train", *map(str, arguments)], check=True)


def measure(runs: Path) -> dict[str, Any]:
    """Measure what was trained on the test split, which no training and no choice looked at."""
    manifest = read_manifest(runs / "films")
    text = text_samples(manifest, "test").samples
    order = np.random.default_rng(0).permutation(len(text))[:TEXT_FILMS]
    text = [text[row] for row in order]
    result: dict[str, Any] = {
        "command": "python tools/reader_training.py FILMS RUNS",
        "training": {name: _training(runs / name) for name in ("phase1", "phase2")},
        "reports": {},
    }
    for phase in ("phase1", "phase2"):
        loaded = open_trained(runs / "base", runs / phase / "adapter")
        written = write_reports(loaded.model, loaded, text, max_tokens=MAX_TOKENS, batch=50)
        result["reports"][phase] = _reports(written, text)
    segmenter = EmbeddedSegmenter(threads=1)
    origins = ("radiologist",)
    located = located_samples(manifest, "test", loaded.inputs.lay, segmenter, origins=origins, normal_share=0.0).samples
    written = write_reports(loaded.model, loaded, located, max_tokens=MAX_TOKENS, batch=50)
    result["boxes"] = _boxes(written, located, manifest)
    return result


def open_trained(base: Path, adapter: Path) -> Loaded:
    """Open a base with its adapter, in 32 bits."""
    processor = AutoProcessor.from_pretrained(adapter, local_files_only=True)
    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    adapted, _ = with_adapter(model, processor.tokenizer, str(adapter))
    return Loaded(
        adapted.eval(),
        ChatInputs(processor, prompts_of(str(adapter))),
        Checkpoint(base, base.name, "local"),
        False,
        (),
        0,
    )


def _training(folder: Path) -> dict[str, Any]:
    rows = read_metrics(folder / "metrics.jsonl")
    first, last = {}, {}
    for row in rows:
        for name, value in row.items():
            first.setdefault(name, value)
            last[name] = value
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kept = ("epochs", "lr", "lora_r", "batch", "quantize", "seed", "text_share", "normal_share", "hold_out")
    figures = [name for name in last if name not in ("step", "epoch", "learning_rate", "grad_norm")]
    return {
        "config": {name: config[name] for name in kept},
        "data": json.loads((folder / "data.json").read_text(encoding="utf-8")),
        "steps": last["step"],
        "figures": {name: {"first": first[name], "last": last[name]} for name in figures},
    }


def _reports(written: Sequence[Written], samples: Sequence[Sample]) -> dict[str, Any]:
    polarity = {"positive": "present", "negative": "absent", "uncertain": "uncertain"}
    predictions, references = [], []
    for one, sample in zip(written, samples, strict=True):
        film = sample.film
        labels = {label: polarity[film.truth[label]] for label in LABELS if label in film.truth}
        predictions.append(Record(film.film, film.patient, one.text, None))
        references.append(Record(film.film, film.patient, None, labels))  # type: ignore[arg-type]
    scores = evaluate_reports(Pairs(predictions, references, [], [], "name"), Options(reader="small reader"))
    draws = Draws([sample.film.patient for sample in samples])
    parses = draws.measure([[float(one.parses), 1.0] for one in written], ratio)
    return {
        "films": scores.films.scored,
        "patients": scores.films.patients,
        "parseable": None if parses is None else parses.figure.model_dump(),
        "different_texts": len({one.text for one in written}),
        "usual_text": Counter(one.text for one in written).most_common(1)[0],
        "systems": {
            name: {
                key: figure.model_dump()
                for key in ("f1_micro_14", "f1_macro_14")
                if (figure := system.figures.get(key)) is not None
            }
            for name, system in scores.systems.items()
        },
        "comparisons": [one.model_dump() for one in scores.comparisons if one.figure.startswith("f1")],
        "verdict": scores.verdict,
    }


def _boxes(written: Sequence[Written], samples: Sequence[Sample], manifest: Manifest) -> dict[str, Any]:
    sizes = {sample.film.film: read_film(sample.path).pixels.shape for sample in samples}
    shares = _shares(manifest)
    rng = np.random.default_rng(0)

    def at(sample: Sample, box: Box) -> Box:
        height, width = sizes[sample.film.film]
        return box.scaled(width, height)

    def random(sample: Sample, _name: str, count: int) -> list[Box]:
        every = [box for boxes in shares.values() for box in boxes]
        found = []
        for _ in range(count):
            like = every[int(rng.integers(len(every)))]
            x, y = rng.uniform(0, 1 - like.width), rng.uniform(0, 1 - like.height)
            found.append(at(sample, Box(x, y, x + like.width, y + like.height)))
        return found

    def usual(sample: Sample, name: str, count: int) -> list[Box]:
        like = shares.get(name) or [box for boxes in shares.values() for box in boxes]
        best = max(like, key=lambda box: sum(box.iou(other) for other in like))
        return [at(sample, best)] * min(count, 1)

    model = score_boxes(written, samples)
    many = [score_given(random, samples).iou for _ in range(RANDOM_DRAWS)]
    others = shuffled([sample.film.patient for sample in samples])
    if others is None:
        raise SystemExit("the test films are of one patient")
    moved = [_moved(written[row], samples[row], sample, sizes) for row, sample in zip(others, samples, strict=True)]
    systems = {
        "small reader": model.iou,
        "random box": list(np.mean(many, axis=0)),
        "usual place": score_given(usual, samples).iou,
        "shuffled film": score_boxes(moved, samples).iou,
    }
    hits = {name: np.mean([iou >= 0.5 for iou in values]) for name, values in systems.items()}
    hits["random box"] = np.mean([[iou >= 0.5 for iou in draw] for draw in many])
    groups: dict[str, Callable[[str], bool]] = {
        "all": lambda _: True,
        "boxes of such findings were trained on": lambda name: name not in HELD_OUT,
        "Cardiomegaly": lambda name: name == "Cardiomegaly",
        "opacity, pneumonia, infiltration": lambda name: name in ("opacity", "Pneumonia", "Infiltration"),
        "unseen: no box of such a finding was trained on": lambda name: name in HELD_OUT,
    }
    return {
        "films": len(samples),
        "patients": len({sample.film.patient for sample in samples}),
        "boxes": len(model.iou),
        "films_with_a_box_written": sum(bool(one.boxes) for one in written),
        "dropped_boxes": sum(one.dropped for one in written),
        "match_at_0.5": {name: float(value) for name, value in hits.items()},
        "mean_iou": {
            group: _group(model, systems, samples, [chosen(name) for name in model.findings])
            for group, chosen in groups.items()
        },
    }


def _group(
    score: BoxScore, systems: dict[str, list[float]], samples: Sequence[Sample], chosen: Sequence[bool]
) -> dict[str, Any]:
    draws = Draws([sample.film.patient for sample in samples])

    def figure(values: Sequence[float]) -> dict[str, Any] | None:
        sums = np.zeros((len(samples), 2))
        for row, value, taken in zip(score.films, values, chosen, strict=True):
            if taken:
                sums[row] += (value, 1)
        measured = draws.measure(sums, ratio, int(sums[:, 1].sum()))
        return None if measured is None else measured.figure.model_dump()

    mine = np.array(systems["small reader"])
    return {
        "boxes": int(sum(chosen)),
        "systems": {name: figure(values) for name, values in systems.items()},
        "reader_minus": {
            name: figure(list(mine - np.array(values))) for name, values in systems.items() if name != "small reader"
        },
    }


def _shares(manifest: Manifest) -> dict[str, list[Box]]:
    """Return the boxes that were trained on, in shares of their film, by finding."""
    found: dict[str, list[Box]] = {}
    for film in manifest.of("train"):
        kept = tuple(box for box in film.boxes if box.finding not in HELD_OUT)
        if kept:
            width, height = Image.open(manifest.path(film)).size
            sample = Sample(replace(film, boxes=kept), manifest.path(film), "", "")
            for name, boxes in truth_boxes(sample).items():
                found.setdefault(name, []).extend(Box(*box.xyxy_px).scaled(1 / width, 1 / height) for box in boxes)
    return found


def _moved(one: Written, source: Sample, target: Sample, sizes: dict[str, tuple[int, ...]]) -> Written:
    """Put boxes of one film at the same place of another."""
    height, width = sizes[source.film.film]
    new_height, new_width = sizes[target.film.film]
    boxes = tuple(NamedBox(named.name, named.box.scaled(new_width / width, new_height / height)) for named in one.boxes)
    return Written(one.text, boxes, one.dropped, one.ended)


def main(films: Path, runs: Path, *, only_measure: bool) -> None:
    """Run, measure and write."""
    if not only_measure:
        run(films, runs)
    result = measure(runs)
    (ROOT / "docs" / "results" / "reader_training.json").write_text(
        json.dumps(result, indent=1) + "\n", encoding="utf-8"
    )
    curves = [(title, read_metrics(runs / name / "metrics.jsonl")) for title, name in TITLES]
    (ROOT / "docs" / "images" / "reader-training.svg").write_text(svg(curves), encoding="utf-8")


TITLES = (("Phase 1: reports", "phase1"), ("Phase 2: reports with boxes", "phase2"))

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), only_measure="--measure" in sys.argv)
