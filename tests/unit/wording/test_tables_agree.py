"""Every table of words has the keys and slots of its English twin, in whatever room it lives."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lucidray

PACKAGE = Path(lucidray.__file__).parent
# The tables of the composer and of the messages have closer tests of their own; what people write (symptoms, claims) is
# no translation.
TABLES = [
    (path, path.parent.parent / "en" / path.name)
    for path in sorted(PACKAGE.glob("*/languages/*/*.json"))
    if path.parent.name != "en" and path.name not in {"report.json", "symptoms.json", "claims.json"}
]


def leaves(table: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text with its place; plural forms of a language count as one text."""
    if isinstance(table, dict) and "other" in table and set(table) <= {"one", "two", "few", "many", "other"}:
        yield name, str(table["other"])
    elif isinstance(table, dict):
        for key, value in table.items():
            yield from leaves(value, f"{name}/{key}")
    else:
        yield name, str(table)


def test_there_are_tables():
    assert len(TABLES) >= 5


@pytest.mark.parametrize(("path", "english"), TABLES, ids=lambda path: "/".join(path.parts[-4:]))
def test_keys_and_slots_are_those_of_english(path, english):
    if not english.is_file():
        pytest.skip(f"{english.relative_to(PACKAGE)} is not there")
    ours = dict(leaves(json.loads(path.read_text("utf-8"))))
    theirs = dict(leaves(json.loads(english.read_text("utf-8"))))
    assert set(ours) == set(theirs)
    for key, text in theirs.items():
        assert sorted(re.findall(r"\{(\w+)\}", ours[key])) == sorted(re.findall(r"\{(\w+)\}", text)), key
