"""lucidray beside TorchXRayVision on the same films, in one run. See README.md in this folder."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from films import write_films
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
OURS, PEER, PEER_ANATOMY = "lucidray", "TorchXRayVision", "TorchXRayVision + PSPNet"
WORKERS = {
    OURS: ("worker_lucidray.py", 15, ()),
    PEER: ("worker_torchxrayvision.py", 5, ()),
    PEER_ANATOMY: ("worker_torchxrayvision.py", 1, ("anatomy",)),
}


def run(worker: str, python: str, film: Path) -> dict[str, Any]:
    """Run one worker in a fresh process."""
    script, repeats, extra = WORKERS[worker]
    command = [python, str(HERE / script), str(film), str(repeats), *extra]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{worker} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Take the median over the rounds, and over the warm readings of each."""
    return {
        "warm_ms": 1000 * statistics.median(time for figures in rounds for time in figures["warm_s"]),
        "first_ms": 1000 * statistics.median(figures["first_s"] for figures in rounds),
        "peak_mb": statistics.median(figures["peak_mb"] for figures in rounds),
        "steps_ms": rounds[-1]["steps_ms"],
    }


def main() -> None:
    """Run all workers on all films and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has TorchXRayVision")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    console = Console()
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, film in write_films(Path(folder)).items():
            rounds: dict[str, list[dict[str, Any]]] = {worker: [] for worker in WORKERS}
            for number in range(options.rounds):
                for worker in WORKERS:
                    console.log(f"{name}: {worker}, round {number + 1} of {options.rounds}")
                    python = sys.executable if worker == OURS else options.peer_python
                    rounds[worker].append(run(worker, python, film))
            results[name] = {worker: summary(figures) for worker, figures in rounds.items()}
    show(console, results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(console: Console, results: dict[str, dict[str, Any]]) -> None:
    """Print medians, the ratio of lucidray's figure to each peer's, and where lucidray's time goes."""
    table = Table(title="Medians; in brackets lucidray's share of the peer's figure")
    for heading in ("film", "figure", *WORKERS):
        table.add_column(heading, justify="left" if heading in ("film", "figure") else "right")
    for film, figures in results.items():
        for key, text, unit in (
            ("warm_ms", "warm", "ms"),
            ("first_ms", "first, fresh process", "ms"),
            ("peak_mb", "peak memory", "MB"),
        ):
            ours = figures[OURS][key]
            cells = [f"{ours:.0f} {unit}"]
            cells += [
                f"{figures[peer][key]:.0f} {unit} (1/{figures[peer][key] / ours:.1f})" for peer in (PEER, PEER_ANATOMY)
            ]
            table.add_row(film, text, *cells)
    console.print(table)
    for film, figures in results.items():
        steps = ", ".join(f"{step} {value:.1f}" for step, value in figures[OURS]["steps_ms"].items())
        console.print(f"{film}: steps of one warm reading, ms: {steps}")


if __name__ == "__main__":
    main()
