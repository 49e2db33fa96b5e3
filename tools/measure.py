"""Measure the shipped weights on the test split of the project's own films, and write docs/results/*.json.

`python tools/measure.py FILMS [PART ...] [--limit N]` runs the same commands that users run, and keeps what they say
but for the names of films. Parts: findings, localization, anatomy, gate, gate-views. `python tools/results.py` makes
the page of it.
"""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from lucidray.cli.main import main as lucidray
from lucidray.training.anatomy_films import split_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
# Names of films, which nobody needs to check a figure; the counts of them stay.
_NAMES = ("missing", "wrong", "worst", "faults", "unreadable")


def commands(films: Path, folder: Path) -> dict[str, list[str]]:
    """Return what is run for each part, without --out and --limit."""
    adults = ["--data", str(films / "nih" / "labels.csv"), "--data", str(films / "nih_small" / "labels.csv")]
    children = ["--data", str(films / "paediatric" / "labels.csv")]
    masks = [part for name in ("jsrt", "wingspan", "tuberculosis") for part in ("--data", str(films / name))]
    boxes = ["--data", str(films / "nih" / "boxes.csv"), "--data", str(films / "nih_small" / "boxes.csv")]
    views = _case_reports(films, folder)
    return {
        "findings": ["findings", *adults, *children, "--split", "test", "--shortcuts", "100", "--mean-positives", "8"],
        "localization": ["localization", *boxes, "--split", "test"],
        "anatomy": ["anatomy", *masks, "--split", "test"],
        "gate": ["gate", *adults, *children, "--split", "test", "--make-variants"],
        "gate-views": ["gate", "--data", str(views), "--images", str(films / "covid" / "images")],
    }


def _case_reports(films: Path, folder: Path) -> Path:
    """Write a table of the published case reports that the gate did not learn from, frontal and lateral."""
    path = folder / "views.csv"
    source = films / "covid" / "metadata.csv"
    with source.open(encoding="utf-8", errors="replace", newline="") as file, path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("image", "truth", "patient"))
        for row in csv.DictReader(file):
            free = bool(row["license"]) and "ND" not in row["license"]
            if not free or split_of(row["patientid"], 20, 12) == "test":
                writer.writerow((row["file"], "lateral" if row["view"] == "L" else "frontal", row["patientid"]))
    return path


def trimmed(result: dict[str, Any]) -> dict[str, Any]:
    """Leave out the names of films."""
    kept = {key: value for key, value in result.items() if key not in _NAMES}
    if isinstance(kept.get("not_assessed"), dict):
        kept["not_assessed"] = {"reasons": kept["not_assessed"]["reasons"]}
    elif "not_assessed" in kept:
        kept["not_assessed"] = len(kept["not_assessed"])
    return kept


def main() -> int:
    """Run the parts that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--work", type=Path, help="Keep pages and predictions there, and go on from them.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.work or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = commands(arguments.films, folder)
        for part in arguments.parts or wanted:
            out = folder / part
            limit = [] if arguments.limit is None else ["--limit", str(arguments.limit)]
            code = lucidray(["evaluate", *wanted[part], *limit, "--out", str(out)])
            if code:
                return code
            result = json.loads(next(out.glob("[!p]*.json")).read_text(encoding="utf-8"))
            text = json.dumps(trimmed(result), indent=1, ensure_ascii=False)
            (RESULTS / f"{part}.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
