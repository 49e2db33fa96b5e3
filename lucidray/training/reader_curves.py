"""What a run's folder shows: its curves as SVG, and a card that says what was trained on what, and how it ended."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from lucidray.domain.errors import InputError
from lucidray.domain.reading import NOTICE

CURVES, CARD = "curves.svg", "README.md"
_WIDTH, _HEIGHT = 300, 150
_LEFT, _TOP, _GAP = 44, 26, 40
_COLUMNS = 3
# By panel: its title, and the figures drawn in it, training first, held-out second.
PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("loss, a token", ("loss", "eval_token_loss")),
    ("box loss, a place token", ("box_loss", "eval_box_loss")),
    ("token accuracy", ("token_accuracy", "eval_token_accuracy")),
    ("claims F1, written reports", ("eval_claims_f1",)),
    ("box IoU, written boxes", ("eval_box_iou", "eval_unseen_box_iou")),
    ("share of reports that parse", ("eval_parseable",)),
)
_CLASSES = {"loss": "train", "box_loss": "train", "token_accuracy": "train", "eval_unseen_box_iou": "unseen"}
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#333}.t{font-weight:600}.a{stroke:#999;fill:none}"
    "path.train{stroke:#9aa7b5;fill:none;stroke-width:1.2}path.held{stroke:#0b62a8;fill:none;stroke-width:1.8}"
    "path.unseen{stroke:#b3541e;fill:none;stroke-width:1.8}circle.held{fill:#0b62a8}circle.unseen{fill:#b3541e}"
    "circle.train{fill:none}"
)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Read `metrics.jsonl`.

    Raises
    ------
    InputError
        It is not there, or a line of it is no JSON.
    """
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def draw(metrics: Path, picture: Path, title: str = "") -> None:
    """Draw a run's figures over its steps: training in grey, held-out films in blue, unseen findings in orange."""
    picture.write_text(svg([(title, read_metrics(metrics))]), encoding="utf-8")


def svg(runs: Sequence[tuple[str, Sequence[dict[str, float]]]]) -> str:
    """Return the panels of one run, or of several one below the other, as a picture."""
    parts: list[str] = []
    top = 0
    for title, rows in runs:
        shown = [(name, keys) for name, keys in PANELS if any(key in row for row in rows for key in keys)]
        if title:
            parts.append(f'<text class="t" x="4" y="{top + 14}">{escape(title)}</text>')
            top += 18
        for number, (name, keys) in enumerate(shown):
            x = number % _COLUMNS * (_WIDTH + _GAP)
            y = top + number // _COLUMNS * (_HEIGHT + _TOP + _GAP)
            parts.append(f'<g transform="translate({x + _LEFT},{y + _TOP})">{_panel(name, keys, rows)}</g>')
        top += -(-len(shown) // _COLUMNS) * (_HEIGHT + _TOP + _GAP)
    width = _COLUMNS * (_WIDTH + _GAP) + _LEFT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img" '
        f'aria-label="Curves of training">'
        f'<style>{_STYLE}</style><rect width="{width}" height="{top}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _panel(name: str, keys: Sequence[str], rows: Sequence[dict[str, float]]) -> str:
    series = {key: [(row["step"], row[key]) for row in rows if key in row] for key in keys}
    series = {key: points for key, points in series.items() if points}
    last = max(step for points in series.values() for step, _ in points) or 1
    values = [value for points in series.values() for _, value in points]
    low, high = min(0.0, *values), max(values)
    high = high if high > low else low + 1

    def at(step: float, value: float) -> str:
        return f"{step / last * _WIDTH:.1f} {_HEIGHT - (value - low) / (high - low) * _HEIGHT:.1f}"

    parts = [
        f'<text class="t" x="0" y="-8">{escape(name)}</text>',
        f'<path class="a" d="M0 0V{_HEIGHT}H{_WIDTH}"/>',
        f'<text x="-6" y="8" text-anchor="end">{high:.3g}</text>',
        f'<text x="-6" y="{_HEIGHT}" text-anchor="end">{low:.3g}</text>',
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">step {last:.0f}</text>',
    ]
    for key, points in series.items():
        kind = _CLASSES.get(key, "held")
        parts.append(f'<path class="{kind}" d="M{"L".join(at(*point) for point in points)}"/>')
        for point in points if kind != "train" else ():
            x, y = at(*point).split()
            parts.append(f'<circle class="{kind}" cx="{x}" cy="{y}" r="2.4"><title>{point[1]:.4g}</title></circle>')
    return "".join(parts)


def card(folder: Path) -> None:
    """Write the run's card beside its adapter, and into it."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    rows = read_metrics(folder / "metrics.jsonl")
    evaluated = [row for row in rows if any(name.startswith("eval_") for name in row)]
    text = _page(config, data, evaluated[-1] if evaluated else {})
    for place in (folder / CARD, folder / "adapter" / CARD):
        if place.parent.is_dir():
            place.write_text(text, encoding="utf-8")


def _page(config: dict[str, Any], data: dict[str, Any], last: dict[str, float]) -> str:
    figures = [f"| {name.removeprefix('eval_')} | {value:.4g} |" for name, value in last.items() if name[:5] == "eval_"]
    left_out = [f"- {why}: {count}" for why, count in data["left_out"].items()]
    return "\n".join(
        [
            f"# Adapter of phase {config['phase']} for {config['model']}",
            "",
            f"> {NOTICE}",
            "",
            f"LoRA of rank {config['lora_r']}, {config['epochs']:g} epochs, learning rate {config['lr']:g}, seed "
            f"{config['seed']}, base weights in {config['quantize']}.",
            "",
            f"Manifest `{data['manifest_sha256'][:12]}`: {data['samples']['train']} samples of "
            f"{data['patients']['train']} patients to train on; {data['samples']['validation']} of "
            f"{data['patients']['validation']} patients held out.",
            *(["", "Left out:", "", *left_out] if left_out else []),
            "",
            f"At the end, on {min(config['eval_films'], data['samples']['validation'])} held-out films (the split that "
            "training was watched on: no test):",
            "",
            "| figure | value |",
            "| --- | --- |",
            *figures,
            "",
        ]
    )
