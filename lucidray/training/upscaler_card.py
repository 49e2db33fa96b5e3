"""The upscaling network's end of the line: measured, described, drawn.

Everything is computed from the exported file, so that the card describes what is shipped.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lucidray.domain.protocols import Upscaler
from lucidray.domain.radiograph import FloatImage
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.models.upscale_lanczos import LanczosUpscaler
from lucidray.models.upscale_onnx import EmbeddedUpscaler
from lucidray.training.films import film01
from lucidray.training.upscaler_effect import small_film
from lucidray.training.upscaler_films import UpscalerFilms
from lucidray.training.upscaler_measure import MOST_FILMS, START_SIDES_PX, bicubic, fidelity, gate_and_check
from lucidray.training.upscaler_network import FACTOR
from lucidray.training.upscaler_page import page
from lucidray.training.upscaler_record import read

NAME, VERSION = "lucidray-upscaler", "1"
_GATE_FILMS = 60
DATA = [
    "NIH ChestX-ray14, NIH Clinical Center (Wang et al., CVPR 2017)",
    "RSNA 2018 normal films of the same, through the COVID-19 Radiography Database",
    "Cardiothoracic ratio estimation data set (wingspan), MIT",
    "Shenzhen and Montgomery tuberculosis sets, NLM",
]
LICENCE = "WEIGHTS_LICENSE"


def finish(
    onnx_path: Path,
    sha256: str,
    films: UpscalerFilms,
    run_dir: Path,
    small_films: Path | None,
    say: Callable[[str], None],
) -> Path:
    """Measure an exported network; write its card and page beside it and its curve into the run.

    Parameters
    ----------
    onnx_path : Path
        The exported network; its folder receives `upscaler.json` and `upscaler.md`.
    sha256 : str
        Its hash.
    films : UpscalerFilms
    run_dir : Path
        Holds `config.json`, `data.json` and `metrics.jsonl`.
    small_films : Path, optional
        A `.npz` of small films in MedMNIST's layout, for the gate.
    say : callable

    Returns
    -------
    Path of the card.
    """
    card: dict[str, Any] = {
        "name": NAME,
        "version": VERSION,
        "factor": FACTOR,
        "adds_to": "lanczos",
        "onnx_sha256": sha256,
        "licence": LICENCE,
        "data": DATA,
        "data_of_run": json.loads((run_dir / "data.json").read_text(encoding="utf-8")),
        "left_out": "films of children and published case reports",
        "config": json.loads((run_dir / "config.json").read_text(encoding="utf-8")),
    }
    path = onnx_path.with_suffix(".json")
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    upscalers: dict[str, Upscaler] = {
        "lanczos": LanczosUpscaler(),
        "embedded": EmbeddedUpscaler(onnx_path.parent, threads=1),
    }
    say("measuring PSNR and SSIM on held-out films")
    methods: dict[str, Callable[[FloatImage], FloatImage]] = {name: one.upscale for name, one in upscalers.items()}
    card["fidelity"] = fidelity(films, {**methods, "bicubic": bicubic}, MOST_FILMS)
    say("showing small films to the gate")
    card["gate"] = gate_and_check(_small_films(films, small_films), upscalers, EmbeddedSegmenter(threads=1))
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    onnx_path.with_suffix(".md").write_text(page(card), encoding="utf-8")
    _plot(run_dir)
    return path


def _small_films(films: UpscalerFilms, npz: Path | None) -> dict[str, list[FloatImage]]:
    rows = films.of("test", "nih")[:_GATE_FILMS]
    small = {f"nih, {side} px": [small_film(films.cache[row], side) for row in rows] for side in START_SIDES_PX}
    if npz is not None:
        with np.load(npz, allow_pickle=False) as arrays:
            images = arrays["test_images"]
        # Evenly over the file, which may be sorted by class.
        chosen = images[np.linspace(0, len(images) - 1, min(4 * _GATE_FILMS, len(images))).astype(int)]
        small[f"{npz.stem}, {images.shape[1]} px"] = [film01(image) for image in chosen]
    return small


def _plot(run_dir: Path) -> None:
    """Draw loss and gain over the steps as SVG, without a plotting library."""
    measured = read(run_dir / "metrics.jsonl")
    if len(measured) < 2:
        return
    names = [name for name in measured[0] if name.startswith("gain_")]
    last, top = measured[-1]["step"], max(max(m[name] for name in names) for m in measured)
    lines = []
    for place, name in enumerate(names):
        points = " ".join(
            f"{40 + 540 * m['step'] / last:.1f},{180 - 160 * max(m[name], 0) / top:.1f}" for m in measured
        )
        colour = ("#0b57c4", "#b3261e", "#2d6a3e")[place % 3]
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
        lines.append(f'<text x="450" y="{120 + 16 * place}" fill="{colour}">{name.removeprefix("gain_")} px</text>')
    (run_dir / "gain.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 210" font-family="sans-serif" font-size="12">'
        '<rect width="600" height="210" fill="#fff"/><path d="M40 20V180H580" fill="none" stroke="#333"/>'
        f'<text x="40" y="14">PSNR gain over Lanczos on validation films, up to {top:.2f} dB; {last:.0f} steps</text>'
        + "".join(lines)
        + "</svg>\n",
        encoding="utf-8",
    )
