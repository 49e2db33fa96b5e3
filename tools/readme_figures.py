"""Write the figures of the README from the cards of the shipped weights and from the last benchmark.

`python tools/readme_figures.py` writes them, `--check` only says whether they are in step. No figure is typed by hand.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "lucidray" / "models" / "weights"
BENCH = ROOT / "docs" / "results" / "bench.json"


def models() -> str:
    """Return what the two cards say, in a few rows."""
    findings = json.loads((WEIGHTS / "findings.json").read_text(encoding="utf-8"))
    gate = json.loads((WEIGHTS / "anatomy.json").read_text(encoding="utf-8"))["figures"]
    outputs = {entry["name"]: entry for entry in findings["outputs"]}
    labels = list(outputs)[:14]
    supported = sum(outputs[label]["supported"] for label in labels)
    rows = ["| on test patients that no training saw | value (95 % interval) | films |", "| --- | --- | --- |"]
    for folder, size in (("nih", "512-px"), ("nih_small", "128-px")):
        mean = findings["means"][folder]
        control = f"view alone {mean['control_view_alone']:.2f}, shuffled films {mean['control_shuffled_films']:.2f}"
        what = f"mean AUROC, {size} films, {len(mean['findings'])} of 14 findings ({control})"
        rows.append(_row(what, mean, f"{mean['n']:,} of {mean['patients']} patients"))
    for folder, size in (("nih", "512-px"), ("nih_small", "128-px")):
        abnormal = outputs["Any abnormality"]["auroc_by_folder"][folder]
        rows.append(_row(f"any abnormality, AUROC, {size} films", abnormal, f"{abnormal['n']:,}"))
    child = outputs["Pneumonia in a child"]["auroc"]
    rows.append(_row("pneumonia in children of 1 to 5 years, AUROC", child, f"{child['n']:,}"))
    for organ in ("lungs", "heart"):
        dice = gate["segmentation"]["jsrt"][organ]
        rows.append(_row(f"{organ}, Dice, adult PA films (JSRT)", dice, f"{dice['n']}"))
    accepted, lateral = gate["gate"]["accepted"]["all"], gate["gate"]["refused"]["lateral"]
    rows.append(_row("frontal films accepted by the gate", accepted, f"{accepted['n']:,}"))
    rows.append(_row("lateral films refused", lateral, f"{lateral['n']}"))
    return f"{supported} of 14 findings are supported; the others are never scored.\n\n" + "\n".join(rows)


def speed() -> str:
    """Return the last benchmark's medians and ratios."""
    results = json.loads(BENCH.read_text(encoding="utf-8"))
    rows = [
        "| film | figure | lucidray | TorchXRayVision | with its PSPNet anatomy |",
        "| --- | --- | --- | --- | --- |",
    ]
    for film, by_worker in results.items():
        ours, *peers = by_worker.values()
        for key, name, unit in (
            ("warm_ms", "a reading", "ms"),
            ("first_ms", "the first one of a fresh process", "ms"),
            ("peak_mb", "peak memory", "MB"),
        ):
            cells = [f"{peer[key]:,.0f} {unit} ({peer[key] / ours[key]:.1f} times)" for peer in peers]
            rows.append(f"| {film} | {name} | {ours[key]:,.0f} {unit} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def _row(what: str, figure: dict[str, Any], films: str) -> str:
    return f"| {what} | {figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f}) | {films} |"


def fill(text: str) -> str:
    """Return the README with both tables renewed."""
    for name, table in (("models", models()), ("speed", speed())):
        start, end = f"<!-- {name}: tools/readme_figures.py -->", f"<!-- end of {name} -->"
        before, rest = text.split(start)
        _, after = rest.split(end)
        text = f"{before}{start}\n\n{table}\n\n{end}{after}"
    return text


def main() -> int:
    """Write the README, or check it."""
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    filled = fill(text)
    if "--check" in sys.argv[1:]:
        if filled != text:
            print("README.md is not in step with the cards: run python tools/readme_figures.py", file=sys.stderr)  # noqa: T201
        return int(filled != text)
    path.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
