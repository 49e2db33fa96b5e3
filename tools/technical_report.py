"""Write docs/technical-report.md from tools/technical-report.in.md: every figure is taken from a result file or a card.

`{{file:path/to/value}}` is a value with its interval, `{{file:path|n}}` a count, `{{file:path|2}}` a number with two
digits, `{{file:path|text}}` what stands there, `{{file:path|notes}}` a list. `file` is one of docs/results/, or
`card-findings`, `card-anatomy`, `card-upscaler` for the cards of the shipped weights. `--check` only says whether the
page is in step.
"""

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
WEIGHTS = ROOT / "lucidray" / "models" / "weights"
SOURCE = ROOT / "tools" / "technical-report.in.md"
PAGE = ROOT / "docs" / "technical-report.md"
_SLOT = re.compile(r"\{\{([\w-]+):([^|}]+)(?:\|(\w+))?\}\}")


def page() -> str:
    """Return the filled page."""
    return _SLOT.sub(lambda found: told(find(found[1], found[2]), found[3]), SOURCE.read_text(encoding="utf-8"))


def find(name: str, path: str) -> Any:
    """Return a value of a result file or card.

    Raises
    ------
    LookupError
        There is no such value.
    """
    value: Any = _read(name)
    for step in path.split("/"):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise LookupError(f"{name}: nothing at {path}") from error
    return value


def told(value: Any, form: str | None) -> str:
    """Write a value as its slot asks."""
    if form == "n":
        return f"{value:,}"
    if form == "text":
        return str(value)
    if form == "notes":
        return "\n".join(f"- {note}" for note in value)
    if form is not None:
        return f"{value:.{int(form)}f}"
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no figure with an interval: say how it is to be written")
    low, high = value["low"], value["high"]
    return f"{value['value']:.2f}" if low is None else f"{value['value']:.2f} ({low:.2f} to {high:.2f})"


@cache
def _read(name: str) -> Any:
    path = WEIGHTS / f"{name.removeprefix('card-')}.json" if name.startswith("card-") else RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    """Write the page, or check it."""
    text = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        if not same:
            print("docs/technical-report.md is not in step: run python tools/technical_report.py", file=sys.stderr)  # noqa: T201
        return int(not same)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
