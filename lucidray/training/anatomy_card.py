"""Finish a run: export the network, measure the export, write its JSON card and the model card for people."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lucidray.domain.errors import InputError
from lucidray.domain.protocols import GateThresholds
from lucidray.training.anatomy_figures import CASES, fit_gate, gate_figures, open_eye, segmentation_figures
from lucidray.training.anatomy_films import Film, read_films
from lucidray.training.anatomy_network import OUTPUTS, AnatomyNetwork, Answers
from lucidray.training.anatomy_places import KINDS, PLACES, SIDE_PX
from lucidray.training.export import write_onnx

_NAME, _VERSION = "lucidray-anatomy", "1.0"


def finish(
    network: AnatomyNetwork, films: Sequence[Film], run_dir: Path, plan: dict[str, Any], say: Callable[[str], None]
) -> Path:
    """Export, choose thresholds on the validation split, measure on the test split, write `anatomy.json`.

    Returns
    -------
    Path
        The ONNX file; its card lies beside it.
    """
    say("exporting")
    path = run_dir / "anatomy.onnx"
    write_onnx(Answers(network), SIDE_PX, path, OUTPUTS)
    say("measuring")
    return describe(path, films, plan)


def measure_again(data_dir: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """Measure the network in `folder` once more, and write its card anew, for instance after truth was mended.

    Parameters
    ----------
    data_dir : Path
        The training folders.
    folder : Path
        Holds `anatomy.onnx` and the `anatomy.json` of its run.
    say : callable
        Receives one line of progress at a time.

    Raises
    ------
    InputError
        The folder holds no such network, or a folder of films is missing.
    """
    path = folder / "anatomy.onnx"
    if not path.is_file() or not path.with_suffix(".json").is_file():
        raise InputError(f"{folder} holds no anatomy network with its card")
    plan = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["plan"]
    say("reading films")
    films = read_films(data_dir)
    say("measuring")
    return describe(path, films, plan)


def describe(path: Path, films: Sequence[Film], plan: dict[str, Any]) -> Path:
    """Choose thresholds, measure, and write the card beside the ONNX file."""
    eye = open_eye(path)
    thresholds, plausibility = fit_gate(eye, films)
    card = {
        "name": _NAME,
        "version": _VERSION,
        "purpose": "research use only, not for clinical diagnosis",
        "onnx_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "input_size": SIDE_PX,
        "outputs": list(OUTPUTS),
        "organs": list(PLACES),
        "kinds": list(KINDS),
        "turn": "quarter turns counter-clockwise that the film has been turned: numpy.rot90(film, turn)",
        "thresholds": thresholds,
        "plausibility": plausibility,
        "films": _counts(films),
        "mended": _counts([film for film in films if film.given is not None]),
        "plan": plan,
        "figures": {
            "segmentation": segmentation_figures(eye, films),
            "gate": gate_figures(eye, films, GateThresholds(**thresholds, **plausibility), plan["seed"]),
        },
    }
    path.with_suffix(".json").write_text(json.dumps(_rounded(card), indent=2) + "\n", encoding="utf-8")
    return path


def model_card(card: dict[str, Any]) -> str:
    """Write the model card, Markdown, from the JSON card: no figure is typed by hand."""
    figures = card["figures"]
    gate = figures["gate"]
    parts = [_HEAD.format(**card)]
    parts.append(_table(("source", "training", "validation", "test"), _film_rows(card["films"])))
    mended = ", ".join(f"{split} {count}" for split, count in card["mended"].get("wingspan", {}).items())
    parts.append(_SEGMENTATION.format(mended=f"films: {mended or 'none'}"))
    rows = [
        (f"{source}: {name.replace('_', ' ')}", *_cells(estimate, 3))
        for source, found in figures["segmentation"].items()
        for name, estimate in found.items()
    ]
    parts.append(_table(("films: measure", "value", "95 % interval", "films"), rows))
    parts.append(_GATE.format(**card["thresholds"], **card["plausibility"]))
    rows = [(name, *_cells(estimate, 3)) for name, estimate in gate["accepted"].items()]
    parts.append("Frontal films accepted:\n\n" + _table(("films", "share", "95 % interval", "films"), rows))
    refused = [
        (name, *_cells(estimate, 3), f"{gate['named'][name]['value']:.3f}")
        for name, estimate in gate["refused"].items()
    ]
    rows = [(name.replace("_", " "), *_cells(estimate, 3)) for name, estimate in gate["warned"].items()]
    parts.append("Of these, needlessly warned of:\n\n" + _table(("warning", "share", "95 % interval", "films"), rows))
    parts.append("Refused, and told by the right name (of a mirrored film the gate warns, and reads it):\n\n")
    parts[-1] += _table(("images", "share", "95 % interval", "images", "right name"), refused)
    told = [f"`{name}`, a {CASES[name]}: {', '.join(codes) or 'accepted'}" for name, codes in gate["cases"].items()]
    parts.append("Two films from the pydicom-data package, neither of them learnt from. " + "; ".join(told) + ".")
    parts.append(_LIMITS)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _counts(films: Sequence[Film]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for film in films:
        name = f"{film.source}, lateral" if film.kind == "lateral" else film.source
        counts.setdefault(name, Counter())[film.split] += 1
    return {name: dict(counter) for name, counter in counts.items()}


def _film_rows(films: dict[str, dict[str, int]]) -> list[tuple[str, ...]]:
    splits = ("train", "val", "test")
    return [(name, *(str(counts.get(split, 0)) for split in splits)) for name, counts in films.items()]


def _cells(estimate: dict[str, Any], digits: int) -> tuple[str, str, str]:
    value, low, high = (f"{estimate[key]:.{digits}f}" for key in ("value", "low", "high"))
    return value, f"{low} to {high}", str(estimate["n"])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


_HEAD = """
# Model card: anatomy network

**Research use only, not for clinical diagnosis.**

`{name}` {version}, `anatomy.onnx`, SHA-256 `{onnx_sha256}`.

One pass over a film of {input_size} by {input_size} pixels says where lungs, heart and clavicles are, and what kind
of image it is: frontal, lateral or no chest; turned by how many quarter turns; inverted; mirrored. The acceptance gate
refuses by these answers; side, zone and the cardiothoracic ratio come from the masks.

- **Architecture**: EfficientNet-Lite0 without its last stage, a U-Net decoder of four steps, one linear layer over a
  4 by 4 grid for the gate. The trunk started from ImageNet weights (Apache 2.0).
- **Names go by position**: `right_lung` is the lung on the image's left, the patient's right lung on an upright film
  that is not mirrored.
- **Turn**: {turn}.
- **Training**: `lucidray train anatomy`, {plan[coarse_steps]} steps at {plan[coarse_side_px]} pixels and
  {plan[fine_steps]} at {input_size}, seed {plan[seed]}. Masks are learnt with cross-entropy and Dice. Turned,
  inverted, mirrored and cropped films are made from upright ones; pictures that are no chest are photographs, slices
  of other modalities, textures, pages, drawn limbs, and patches and shuffled blocks of chest films.

## Films

JSRT with SCR masks (research use), Wingspan (MIT), Shenzhen and Montgomery (National Library of Medicine), NIH
ChestX-ray14 (National Institutes of Health Clinical Center), Kermany's paediatric films (CC BY 4.0), and films of
covid-chestxray-dataset whose own licence allows derived works, for the gate alone. The split belongs to the patient;
where a folder names none (JSRT has one film a patient; Wingspan, Shenzhen and Montgomery do not say) to the file.
"""

_SEGMENTATION = """
## Masks on the test split

Mean Dice, and the median absolute error of the cardiothoracic ratio against the ratio from the drawn masks. Some masks
of Wingspan contradict each other: heart and left lung exchanged, or a lung outlined through the heart ({mended}). They
are mended by a rule that sees the masks only (`anatomy_masks.mend`); figures against the masks as given stand beside.
"""

_GATE = """
## The gate on the test split

Thresholds, chosen on the validation split: lateral {lateral}, no chest {not_chest}, turned {turned}, inverted
{inverted}, mirrored {mirrored}; the smaller lung covers at least {min_lung_fraction} of the film and
{min_lung_ratio} of the larger one.
"""

_LIMITS = """
## Limits

- The masks that it learnt from are of adult PA films. On AP and supine films, children and large opacities its masks
  were looked at, not measured: nobody has drawn them there.
- Lateral films are few and come from published case reports; the interval says how little that proves.
- Mirroring was learnt from films mirrored by computer. A heart on the right side (dextrocardia) looks the same: NIH's
  00003689_010, one or the other, counts as a needless warning above.
- The folders err too: NIH's 00002117_003, filed as PA, is a lateral film, and its refusal counts as a fault above. Most
  of the children's films that are refused as cropped do lack the tips or the borders of a lung.
- Where the retrocardiac lung is drawn as lung (some masks of Shenzhen and Wingspan), the network's mask, which stops
  at the heart, counts as a fault.
- Of limbs, skulls and abdomens the network has seen drawings only.
"""
