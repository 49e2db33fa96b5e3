# ruff: noqa: E501 - sentences are written whole
"""Page and terminal in every language: whole tables, nothing left in English, right to left where it should."""

import io
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from rich.console import Console

from lucidray.domain.note import Note
from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.readers.composer import Composer
from lucidray.readers.phrases import available_languages, load_phrases
from lucidray.reporting import html, terminal, words
from lucidray.reporting.page_words import load_words
from tests.readings import accepted_reading, refused_reading

LANGUAGES = available_languages()
OTHERS = sorted(set(LANGUAGES) - {"en"})
SLOT = re.compile(r"\{(\w+)\}")
ENGLISH = r"\b(the|of|is|are|this|that|with|and|for|film|findings?|heart|lungs?|threshold|probability|assessed|warning|reading)\b"


class Text(HTMLParser):
    """What a page says, also in labels that are only read aloud; what a person or a file said is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skipped += tag in {"style", "script", "title", "h1"}
        self.said += [value for name, value in attrs if name in {"aria-label", "alt", "data-name"} and value]

    def handle_endtag(self, tag: str) -> None:
        self.skipped -= tag in {"style", "script", "title", "h1"}

    def handle_data(self, data: str) -> None:
        if not self.skipped:
            self.said.append(data)


def reading_in(language: str, *, refused: bool = False) -> Reading:
    warnings = (
        Note(
            code="mirrored",
            message="The film looks mirrored, or the heart lies on the right: left and right in this reading may be exchanged, check a side marker.",
        ),
        Note(code="alpha", message="Transparent parts of the image are shown black."),
    )
    if refused:
        reading = refused_reading()
        phrases = load_phrases(language)
        report = reading.report.model_copy(
            update={"language": language, "headings": phrases.headings, "wording": phrases.review, "impression": []}
        )
        note = Note(code="inverted", message="Bright and dark are exchanged, lungs look bright and bones dark: invert the film, or use --fix-orientation.")  # fmt: skip
        copy = reading.model_copy(update={"report": report, "refusal": [note]})
    else:
        reading = accepted_reading(warnings=warnings, language=language, symptoms="38.5", age=4)
        asked = Composer().write(_request(reading, language))
        notes = [one.model_copy(update={"note": "at the detector"}) for one in reading.measurements]
        based = [one.model_copy(update={"basis": "no score"}) for one in reading.findings]
        copy = reading.model_copy(update={"report": asked, "measurements": notes, "findings": based})
    return copy.with_evidence(reading.evidence, lambda reading: reading.overlay())


def _request(reading: Reading, language: str):
    from lucidray.domain.protocols import ReportRequest

    return ReportRequest(reading.evidence.film, reading.findings, reading.overall, [], None, language, reading.warnings)


def raw(language: str) -> dict:
    return json.loads(files("lucidray.reporting").joinpath("languages", language, "words.json").read_text("utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_table_is_whole(language):
    table, english = load_words(language), load_words("en")
    assert list(table.findings) == list(LABELS)
    for part in ("statuses", "verdicts", "measures", "views", "sexes", "roles", "steps", "places", "ages", "text"):
        assert set(getattr(table, part)) == set(getattr(english, part)), part
    for key, text in english.text.items():
        assert sorted(SLOT.findall(table.text[key])) == sorted(SLOT.findall(text)), key
    assert table.direction == words.direction(language)
    assert table.decimal_point == load_phrases(language).decimal_point


@pytest.mark.parametrize("language", OTHERS)
def test_places_are_those_of_the_report(language):
    assert load_words(language).places == load_phrases(language).zones


@pytest.mark.parametrize("language", OTHERS)
def test_findings_are_called_as_in_the_report(language):
    for label, name in load_words(language).findings.items():
        assert name.lower() == load_phrases(language).subjects[label].name.lower()


def test_there_is_a_table_for_every_language_of_reports():
    assert all(load_words(language).text != load_words("en").text for language in OTHERS)


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("language", OTHERS)
def test_no_english_is_left_on_the_page(language, refused):
    text = Text()
    text.feed(html.render(reading_in(language, refused=refused)))
    said = " ".join(text.said).replace("lucidray-findings", "").replace("lucidray-anatomy", "")
    # German has "Film" and "Status", French "film"; "sex" and the like are none of the words looked for.
    found = {word.lower() for word in re.findall(ENGLISH, said, re.IGNORECASE)} - {"film"}
    assert found == set(), [part for part in text.said if re.search(ENGLISH, part, re.IGNORECASE)]
    assert load_phrases(language).unreviewed in said
    assert load_words(language)["notice"] in said


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_its_language_and_direction(language, refused):
    page = html.render(reading_in(language, refused=refused))
    way = "rtl" if language == "ar" else "ltr"
    assert f'<html lang="{language}" dir="{way}">' in page
    assert ("\u2066" in page) == (language == "ar")
    assert page.count("\u2066") == page.count("\u2069")


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_terminal_says_that_nobody_has_reviewed_the_wording(language, refused):
    console = Console(file=io.StringIO(), width=200, color_system=None, legacy_windows=False)
    terminal.show(reading_in(language, refused=refused), console)
    text = console.file.getvalue()
    assert load_phrases(language).unreviewed in text
    assert load_words(language)["notice"] in text
    assert "\u2066" not in text
    if language != "en":
        assert not re.search(r"\b(the|is|are|this|with|and|film)\b", text)


@pytest.mark.parametrize(
    ("language", "percent", "interval"),
    [
        ("en", "9.3 %", "8.0 to 14 %"),
        ("de", "9,3 %", "8,0 bis 14 %"),
        ("fr", "9,3 %", "8,0 à 14 %"),
        ("es", "9,3 %", "8,0 a 14 %"),
        ("zh", "9.3 %", "8.0 至 14 %"),
        ("ar", "\u20669.3 %\u2069", "\u20668.0 – 14 %\u2069"),
    ],
)
def test_numbers_are_written_as_the_language_does(language, percent, interval):
    assert words.percent(0.093, language) == percent
    assert words.interval(0.08, 0.14, language) == interval


@pytest.mark.parametrize(
    ("language", "years", "told"),
    [
        ("de", 1.0, "12 Monate"), ("de", 61.9, "61 Jahre"), ("fr", 0.09, "1 mois"), ("es", 0.09, "1 mes"), ("zh", 5.0, "5岁"),
        ("ar", 2.0, "سنتان"), ("ar", 0.09, "شهر واحد"), ("ar", 5.0, "5 سنوات"), ("ar", 61.0, "61 سنة"), ("ar", 103.0, "103 سنوات"),
    ],
)  # fmt: skip
def test_ages_follow_the_plural_of_the_language(language, years, told):
    assert words.age(years, language) == told


def test_a_language_without_a_table_gets_english_labels():
    assert load_words("xx") is not None
    assert load_words("xx").text == load_words("en").text
