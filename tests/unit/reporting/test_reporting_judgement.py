"""Risk, confidence, disagreements, both reports and the differential, on the page and in the terminal."""

import io
import unicodedata

import numpy as np
import pytest
from rich.console import Console

from lucidray.domain.reading import Reading
from lucidray.reporting import html, terminal
from lucidray.reporting.judgement import show
from lucidray.reporting.overlay import draw
from tests.readings import accepted_reading, refused_reading
from tests.two_sources import two_sources
from tests.unit.reporting.test_reporting_page import Page, parsed


def printed(reading: Reading, width: int = 100) -> str:
    out = io.StringIO()
    terminal.show(reading, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return two_sources(monkeypatch)


@pytest.fixture
def page(reading: Reading) -> Page:
    return parsed(reading)


def test_everything_is_on_the_page_once(reading: Reading, page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert reading.evidence_ids <= set(page.ids)
    for link in page.all("a"):
        assert link.attributes["href"].removeprefix("#") in page.ids
    sentences = [*reading.report.sentences, *reading.composed.sentences]
    assert len(page.with_class("sentence")) == len(sentences)


def test_a_sentence_that_is_not_borne_out_is_marked(reading: Reading, page: Page) -> None:
    for shown, sentence in zip(page.with_class("sentence"), reading.report.sentences, strict=False):
        assert sentence.text in shown.text
        assert f"is-{sentence.verdict}" in shown.attributes["class"].split()
    told = {one.text: one.verdict for one in reading.report.sentences}
    assert told["There is a left pleural effusion."] == "contradicted"
    assert told["No mass."] == "contradicted"
    assert told["The bones are unremarkable."] == "unverified"


def test_risk_confidence_and_the_call_for_a_person_are_in_sight(reading: Reading, page: Page) -> None:
    assert {one.text.strip() for one in page.with_class("badge")} == {reading.risk.words} == {"High"}
    (banner,) = page.with_class("read-first")
    for reason in reading.confidence.reasons:
        assert reason in banner.text
    (body,) = page.all("body")
    for told in [*reading.risk.factors, *reading.confidence.basis[: -len(reading.confidence.reasons)]]:
        assert told in body.text


def test_every_disagreement_is_told_with_the_readers_words(reading: Reading, page: Page) -> None:
    (panel,) = page.with_class("disagreements")
    assert {(one.label, one.kind) for one in reading.contradictions} == {
        ("Effusion", "sides_differ"),
        ("Mass", "reader_denies"),
        ("Free Air", "reader_adds"),
    }
    for one in reading.contradictions:
        assert one.note in panel.text
        assert one.sentence in panel.text


def test_both_sources_are_listed_side_by_side(reading: Reading, page: Page) -> None:
    rows = {row[0].text: [cell.text.strip() for cell in row[1:]] for row in _rows(page, "compared")}
    assert rows["Mass"] == ["present, 80 %", "absent", "reader denies", "80 %"]
    assert rows["Free air"] == ["not assessed", "present", "only the reader", "–"]
    assert list(rows)[:3] == ["Effusion", "Mass", "Free air"]


def _rows(page: Page, heading: str) -> list:
    first = next(number for number, one in enumerate(page.elements) if one.attributes.get("id") == heading)
    rows: list[list] = []
    for one in page.elements[first:]:
        if one.tag == "h2" and one.attributes.get("id") != heading:
            break
        if one.tag == "tr":
            rows.append([])
        elif rows and one.tag in {"th", "td"} and "tbody" in one.parents:
            rows[-1].append(one)
    return [row for row in rows if row]


def test_the_readers_boxes_are_marked_as_its_own(page: Page) -> None:
    tags = page.with_class("reader-tag")
    assert [one.text for one in tags] == ["reader: effusion", "reader: thing"]
    assert len(page.with_class("pointed")) == 2
    assert "1 of its boxes could not be placed" in page.all("body")[0].text


def test_the_differential_names_reasons_and_sources(reading: Reading, page: Page) -> None:
    (listed,) = page.with_class("differential")
    for one in reading.differential:
        assert one.diagnosis in listed.text
        for told in [*one.supporting, *one.opposing, *one.citations]:
            assert told in listed.text
    assert "named by seer" in listed.text


@pytest.mark.parametrize("language", ["en"])
def test_hostile_words_are_text(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    reading = two_sources(monkeypatch, hostile=True, language=language)
    page = parsed(reading)
    assert len(page.all("script")) == 1
    assert all(not name.startswith("on") for one in page.elements for name in one.attributes)
    assert {one.attributes["class"] for one in page.all("img")} == {"base", "heat"}
    source = html.render(reading)
    assert not set(source) & {"\x1b", "\x07", "\u202e"}
    out = printed(reading)
    assert not [char for char in out if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char != "\n"]


def test_the_terminal_says_it_all(reading: Reading) -> None:
    out = flat(printed(reading))
    assert "Risk: High." in out
    assert "To be read by a person first." in out
    assert "Report by seer" in out
    assert "lucidray's own report, from its findings" in out
    for one in reading.contradictions:
        assert flat(one.note) in out
    for told in [*reading.risk.factors, *reading.confidence.reasons]:
        assert flat(told) in out
    for sentence in [*reading.report.sentences, *reading.composed.sentences]:
        mark = "" if sentence.verdict == "supported" else f" ({sentence.verdict})"
        assert flat(sentence.text) + mark in out
    assert reading.differential[0].diagnosis in out


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_terminal_keeps_to_its_width(reading: Reading, width: int) -> None:
    assert max(map(len, printed(reading, width).splitlines())) <= width


def test_a_reading_without_judgement_is_shown_as_before() -> None:
    for reading in (accepted_reading(), refused_reading()):
        page = parsed(reading)
        assert not page.with_class("badge")
        assert not page.with_class("disagreements")
        assert "Risk:" not in printed(reading)


def test_one_source_is_said_to_be_one(reading: Reading) -> None:
    alone = reading.model_copy(
        update={"composed": None, "reader_text": None, "reader_regions": [], "report": reading.composed}
    )
    judged = show(alone)
    assert not judged.two_sources
    assert judged.rows == []
    assert "(one source)" in flat(printed(alone))


def test_the_overlay_shows_the_readers_boxes_in_white(reading: Reading) -> None:
    with_boxes = np.asarray(draw(reading)).astype(int)
    without = np.asarray(draw(reading.model_copy(update={"reader_regions": []}))).astype(int)
    x0, y0, x1, _ = map(round, reading.reader_regions[0].box_xyxy_px)
    factor = with_boxes.shape[1] // reading.image.width_px
    # The middle of the upper edge: the frame lies between two thin black ones.
    edge = with_boxes[factor * y0 : factor * y0 + 6, factor * (x0 + x1) // 2]
    assert [255, 255, 255] in edge.tolist()
    assert not np.array_equal(with_boxes, without)
