"""The tables of words: complete, and English where a language has none."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from lucidray.reasoning.rules import load_rules
from lucidray.reasoning.wording import load_table
from lucidray.reporting.labels import load_labels
from tests.sources import wording

FOLDERS = {"reasoning": "words.json", "reporting": "page.json"}


def tables() -> list[tuple[str, Path]]:
    found = []
    for room, name in FOLDERS.items():
        folder = Path(str(files(f"lucidray.{room}").joinpath("languages")))
        found += [(room, path) for path in sorted(folder.glob(f"*/{name}"))]
    return found


def texts(part: object, at: str = "") -> dict[str, str]:
    if isinstance(part, str):
        return {at: part}
    assert isinstance(part, dict)
    return {key: text for name, inner in part.items() for key, text in texts(inner, f"{at}/{name}").items()}


@pytest.mark.parametrize(("room", "path"), tables(), ids=str)
def test_every_language_says_the_same_things_with_the_same_slots(room: str, path: Path) -> None:
    english = texts(json.loads((path.parents[1] / "en" / path.name).read_bytes()))
    told = texts(json.loads(path.read_bytes()))
    assert set(told) == set(english)
    for key, text in told.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[key])), key


@pytest.mark.parametrize("language", ["xx", "..", ""])
def test_a_language_without_a_table_is_told_in_english(language: str) -> None:
    assert load_table(language) == load_table("en")
    assert load_labels(language) == load_labels("en")


@pytest.mark.parametrize(
    ("probability", "told"),
    [(0.0, "< 0.1 %"), (0.0094, "0.9 %"), (0.0996, "10 %"), (0.123, "12 %"), (0.999, "> 99 %")],
)
def test_probabilities_are_told_as_on_the_page(probability: float, told: str) -> None:
    from lucidray.reporting.words import percent

    assert wording().percent(probability) == told == percent(probability)


def test_every_rule_has_its_reason() -> None:
    rules = load_rules()
    for part in (rules.fusion, rules.confidence, rules.risk, rules.differential, *rules.risk.findings.values()):
        assert part.reason.strip()
