"""The words of the page: every language says all of it, and calls things what the reports call them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import lucidray
from lucidray.domain.vocabulary import LABELS

PACKAGE = Path(lucidray.__file__).parent
TABLES = PACKAGE / "ui" / "i18n"
LANGUAGES = ("en", "ar", "de", "es", "fr", "zh")
SLOT = re.compile(r"\{(\w+)\}")
# A kind of word on the page, and the table of the reports that says the same.
REPORT_TABLES = {
    "label": "findings",
    "status": "statuses",
    "verdict": "verdicts",
    "measure": "measures",
    "view": "views",
    "sex": "sexes",
    "role": "roles",
    "step": "steps",
    "place": "places",
}


def words(language: str) -> dict[str, str]:
    return json.loads((TABLES / f"{language}.json").read_text(encoding="utf-8"))


def table(room: str, language: str, name: str) -> dict[str, Any]:
    return json.loads((PACKAGE / room / "languages" / language / f"{name}.json").read_text(encoding="utf-8"))


def test_the_page_speaks_the_languages_of_the_reports() -> None:
    assert sorted(path.stem for path in TABLES.glob("*.json")) == sorted(LANGUAGES)
    offered = (PACKAGE / "ui" / "js" / "i18n.js").read_text(encoding="utf-8")
    assert all(f"{language}: " in offered for language in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_words_with_the_same_slots(language: str) -> None:
    english, told = words("en"), words(language)
    assert list(told) == list(english)
    assert {key: sorted(SLOT.findall(text)) for key, text in told.items()} == {
        key: sorted(SLOT.findall(text)) for key, text in english.items()
    }
    assert all(text.strip() for text in told.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_calls_things_what_the_reports_call_them(language: str) -> None:
    told = words(language)
    report, page, judged = (
        table("reporting", language, "words"),
        table("reporting", language, "page"),
        table("reasoning", language, "words"),
    )
    for kind, name in REPORT_TABLES.items():
        assert {key: told[f"{kind}.{key}"] for key in report[name]} == report[name]
    assert {f"label.{label}" for label in LABELS} <= set(told)
    assert {key: told[f"kind.{key}"] for key in page["kinds"]} == page["kinds"]
    assert {key: told[f"relation.{key}"] for key in page["relations"]} == page["relations"]
    assert told["notice"] == report["text"]["notice"]
    for level in ("Low", "Moderate", "High"):
        assert told[f"risk.{level}"] == judged["sentences"][f"risk.{level}"]


def test_every_word_that_the_page_asks_for_is_there() -> None:
    english = words("en")
    asked = {
        key
        for path in (PACKAGE / "ui" / "js").glob("*.js")
        for key in re.findall(r'\bt\("([a-z_.]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(asked) > 80
    assert not asked - set(english)


def test_the_page_has_no_style_and_no_script_within_and_asks_no_other_site() -> None:
    files = [PACKAGE / "ui" / "index.html", *(PACKAGE / "ui" / "js").glob("*.js"), *(PACKAGE / "ui").glob("*.css")]
    for path in files:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path
        assert "innerHTML" not in text, path
    index = files[0].read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son\w+=|<script>|<style", index)


@pytest.mark.parametrize(
    "folder", [PACKAGE / "ui" / "vendor", Path(__file__).parents[2] / "browser" / "vendor"], ids=["page", "tests"]
)
def test_vendored_files_are_those_that_are_listed(folder: Path) -> None:
    import hashlib

    listed = dict(re.findall(r"^\| (\S+\.js) \|.*`([0-9a-f]{64})`", (folder / "README.md").read_text(), re.MULTILINE))
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")}
    assert listed == there
