"""The HTML page: whole, self-contained, escaped, and right about places."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lucidray.domain.errors import UsageError
from lucidray.domain.note import Note
from lucidray.domain.reading import NOTICE, Reading
from lucidray.reporting import html
from tests.readings import PLACES, accepted_reading, refused_reading, synthetic_film

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{7*7}}{% raw %}"
VOID = {"meta", "link", "img", "input", "br"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    parents: tuple[str, ...] = ()


@dataclass
class Page(HTMLParser):
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} repeats an attribute: {names}"
        parents = tuple(element.tag for element in self.open)
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, parents=parents))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        return [
            one
            for one in self.elements
            if one.tag == tag and all(one.attributes.get(name) == value for name, value in attributes.items())
        ]

    def with_class(self, name: str) -> list[Element]:
        return [one for one in self.elements if name in one.attributes.get("class", "").split()]

    @property
    def ids(self) -> list[str]:
        return [one.attributes["id"] for one in self.elements if "id" in one.attributes]


def parsed(reading: Reading) -> Page:
    page = Page()
    page.feed(html.render(reading))
    page.close()
    assert page.open == []
    return page


def hostile_reading() -> Reading:
    warnings = (Note(code="odd", message=f"The file says {HOSTILE}"),)
    return accepted_reading(
        name=HOSTILE + "\u202egnp.exe\x00\x1b[2J",
        symptoms=HOSTILE + "\x1b[31m",
        warnings=warnings,
        laterality=HOSTILE,
        spacing_source=HOSTILE,
    )


def test_what_strangers_wrote_is_text() -> None:
    page = parsed(hostile_reading())
    assert len(page.all("script")) == 1
    assert all(not name.startswith("on") for one in page.elements for name in one.attributes)
    assert {one.attributes["class"] for one in page.all("img")} == {"base", "heat"}
    (heading,) = page.all("h1")
    assert heading.text.startswith(HOSTILE)
    assert not set(heading.text) & set("\u202e\x00\x1b")
    (symptoms,) = page.with_class("symptoms")
    assert symptoms.text.strip() == HOSTILE + "[31m"
    (title,) = page.all("title")
    assert HOSTILE in title.text


@pytest.mark.parametrize("reading", [accepted_reading(), hostile_reading(), refused_reading()])
def test_the_page_loads_nothing(reading: Reading) -> None:
    page = parsed(reading)
    for one in page.elements:
        assert one.tag not in {"iframe", "object", "embed", "base", "form", "audio", "video"}
        assert "style" not in one.attributes
        for name in ("src", "srcset", "href", "xlink:href", "action", "poster", "data", "background"):
            address = one.attributes.get(name, "#")
            inert = address.startswith(("#", "data:image/", "url(#")) or address == "data:,"
            assert inert, f"<{one.tag} {name}={address[:60]}>"
        assert not any("url(" in value and "url(#" not in value for value in one.attributes.values())
    (style,) = page.all("style")
    assert not re.search(r"url\(|@import|https?:", style.text)
    (script,) = page.all("script")
    assert not re.search(r"https?:|fetch|XMLHttpRequest|WebSocket|import\(|eval|innerHTML", script.text)


@pytest.mark.parametrize("reading", [accepted_reading(), accepted_reading(quarter_turns=3), refused_reading()])
def test_the_policy_names_exactly_this_style_and_script(reading: Reading) -> None:
    page = parsed(reading)
    (meta,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.strip().split(" ", 1) for rule in meta.attributes["content"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in meta.attributes["content"]
    for kind in ("style", "script"):
        (element,) = page.all(kind)
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    # A policy holds for what comes after it.
    order = [one.tag for one in page.elements]
    assert page.elements.index(meta) < min(order.index("style"), order.index("link"))


@pytest.mark.parametrize(
    "reading",
    [
        accepted_reading(warnings=(Note(code="odd", message="a"), Note(code="odd", message="b"))),
        accepted_reading(warnings=(Note(code="mirrored", message="a"),)),
        refused_reading(symptoms="cough"),
    ],
)
def test_all_evidence_is_on_the_page_once(reading: Reading) -> None:
    page = parsed(reading)
    assert len(page.ids) == len(set(page.ids))
    assert reading.evidence_ids <= set(page.ids)
    for link in page.all("a"):
        assert link.attributes["href"].removeprefix("#") in page.ids
    for use in page.all("use"):
        assert use.attributes["href"].removeprefix("#") in page.ids


def test_every_sentence_is_there_with_evidence_and_verdict() -> None:
    reading = accepted_reading()
    shown = parsed(reading).with_class("sentence")
    assert len(shown) == len(reading.report.sentences)
    for element, sentence in zip(shown, reading.report.sentences, strict=True):
        assert sentence.text in element.text
        assert element.attributes["data-evidence"].split() == sentence.evidence
        assert sentence.verdict in element.text


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_boxes_are_where_the_regions_are_on_the_film_as_shown(quarter_turns: int) -> None:
    reading = accepted_reading(synthetic_film(600, 400), quarter_turns=quarter_turns)
    page = parsed(reading)
    (svg,) = [one for one in page.all("svg") if "0 0 400 600" in one.attributes.get("viewbox", "")]
    assert svg.attributes["preserveaspectratio"] == "none"
    frames = [
        tuple(float(one.attributes[name]) for name in ("x", "y", "width", "height")) for one in page.with_class("frame")
    ]
    expected = {
        (x0 * 400, y0 * 600, (x1 - x0) * 400, (y1 - y0) * 600)
        for places in PLACES.values()
        for x0, y0, x1, y1 in places
    }
    assert len(frames) == len(expected)
    for place in expected:
        assert any(frame == pytest.approx(place, abs=1e-6) for frame in frames), place


def test_sides_are_the_patients() -> None:
    page = parsed(accepted_reading())
    (left,) = page.with_class("image-left")
    (right,) = page.with_class("image-right")
    assert (left.text, left.attributes["aria-label"]) == ("R", "Patient's right")
    assert (right.text, right.attributes["aria-label"]) == ("L", "Patient's left")
    (style,) = page.all("style")
    assert re.search(r"\.side\.image-left \{ left:", style.text)
    assert re.search(r"\.stage \{[^}]*direction: ltr", style.text)


def test_a_film_that_looks_mirrored_says_so_first() -> None:
    page = parsed(accepted_reading(warnings=(Note(code="mirrored", message="It looks mirrored."),)))
    banner = page.with_class("banner")[0]
    assert "alert" in banner.attributes["class"]
    assert "It looks mirrored." in banner.text
    assert [one.text for one in page.with_class("side")] == ["R?", "L?"]


def test_all_findings_are_told_with_their_numbers_in_words() -> None:
    reading = accepted_reading()
    page = parsed(reading)
    for finding in reading.findings:
        (row,) = page.all("tr", id=finding.id)
        assert finding.label in row.text
        assert finding.basis in row.text
        assert str(finding.n_positive) in row.text
        assert ("no probability" in row.text) == (finding.probability is None)
    (row,) = page.all("tr", id="finding-effusion")
    assert all(told in row.text for told in ("present", "63 %", "(55 to 71 %)", "threshold 21 %", "right lower zone"))
    (chart,) = [one for one in page.all("svg") if one.attributes.get("aria-label", "").startswith("63 %")]
    assert chart.attributes["aria-label"] == "63 %, 95 % interval 55 to 71 %, threshold 21 %"


def test_a_refused_film_shows_no_probability_and_says_what_to_do() -> None:
    reading = refused_reading()
    page = parsed(reading)
    (body,) = page.all("body")
    shown = body.text.replace(page.all("script")[0].text, "")
    assert "%" not in shown
    assert "robability" not in shown
    assert not page.with_class("side")
    assert not page.with_class("box")
    assert not page.with_class("heat")
    assert not page.with_class("chart")
    assert reading.refusal[0].message in shown
    assert "What to do next" in shown
    assert "This film was not read" in shown


@pytest.mark.parametrize("reading", [accepted_reading(), refused_reading()])
def test_the_notice_is_in_sight_and_in_print(reading: Reading) -> None:
    page = parsed(reading)
    (notice,) = page.with_class("notice")
    assert NOTICE in notice.text
    (style,) = page.all("style")
    assert re.search(r"\.notice \{\s*position: sticky; top: 0", style.text)
    assert f'content: "{NOTICE}"' in style.text


@pytest.mark.parametrize(("language", "way"), [("en", "ltr"), ("ar", "rtl")])
def test_language_and_direction(language: str, way: str) -> None:
    (root,) = parsed(accepted_reading(language=language)).all("html")
    assert root.attributes == {"lang": language, "dir": way}


def test_a_child_is_seen_at_once() -> None:
    banners = parsed(accepted_reading(age=4)).with_class("banner")
    assert any("Child" in banner.text and "4 years" in banner.text for banner in banners)
    assert not parsed(accepted_reading(age=40)).with_class("banner")


def test_a_correction_is_told() -> None:
    banners = parsed(accepted_reading(quarter_turns=2)).with_class("banner")
    assert any("Turned upright before reading." in banner.text for banner in banners)


def test_the_picture_is_the_film_and_the_page_stays_small() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, (1955, 1841)).astype(np.float32)
    film = np.clip(synthetic_film(1955, 1841) + noise, 0, 1)
    text = html.render(accepted_reading(film))
    assert len(text.encode()) < 700_000
    page = Page()
    page.feed(text)
    (base,) = page.with_class("base")
    picture = Image.open(BytesIO(base64.b64decode(base.attributes["src"].split(",", 1)[1])))
    assert picture.size == (int(base.attributes["width"]), int(base.attributes["height"]))
    assert max(picture.size) == 1400
    small = np.asarray(picture.resize((60, 60), Image.Resampling.BOX), dtype=float) / 255
    expected = np.asarray(Image.fromarray(film).resize((60, 60), Image.Resampling.BOX))
    assert np.abs(small - expected).max() < 0.03


def test_without_javascript_no_control_is_left_without_effect() -> None:
    page = parsed(accepted_reading())
    assert all("needs-js" in one.attributes["class"] for one in page.with_class("controls"))
    (theme,) = page.all("button", id="theme")
    assert theme.attributes["class"] == "needs-js"
    for control in [*page.all("input"), *page.all("select")]:
        assert "div" in control.parents
    assert all("hidden" in one.attributes for one in page.with_class("heat"))


def test_a_reading_from_json_has_no_page() -> None:
    loaded = Reading.model_validate_json(accepted_reading().model_dump_json())
    with pytest.raises(UsageError):
        html.render(loaded)
