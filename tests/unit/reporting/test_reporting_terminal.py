"""The terminal: every meaning in words, on any width and encoding, and nothing that steers it."""

import re
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from lucidray.domain.note import Note
from lucidray.domain.reading import NOTICE, Reading
from lucidray.reporting import terminal
from tests.readings import accepted_reading, refused_reading


def shown(reading: Reading, width: int = 80, **options: object) -> str:
    file = StringIO()
    terminal.show(reading, Console(file=file, width=width, **options))
    return file.getvalue()


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_an_accepted_film_is_told_whole_without_colour(width: int) -> None:
    reading = accepted_reading()
    text = shown(reading, width)
    flat = one_line(text)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    assert "ACCEPTED" in text
    assert reading.image.name in text
    for finding in reading.findings:
        assert finding.label in flat
    assert "not assessed" in flat
    assert "Fibrosis, Hernia" in flat
    assert NOTICE in flat
    for told in ("63 %", "55 to 71 %", "21 %", "Cardiothoracic ratio: 0.55", "(contradicted)", "(unverified)"):
        assert told in flat


@pytest.mark.parametrize("width", [80, 120])
def test_every_row_says_its_status_in_words(width: int) -> None:
    reading = accepted_reading()
    lines = shown(reading, width).splitlines()
    order = []
    for finding in reading.findings:
        if finding.status == "unsupported":
            continue
        pattern = rf"(present|uncertain|absent) +{finding.label}"
        row = next(number for number, line in enumerate(lines) if re.search(pattern, line))
        assert finding.status in lines[row]
        order.append((row, finding.status))
    statuses = [status for _, status in sorted(order)]
    assert statuses == ["present"] * 3 + ["uncertain"] + ["absent"] * 8


def test_regions_keep_to_one_line_at_80_columns() -> None:
    assert "right lower zone" in shown(accepted_reading(), 80)


def test_a_refused_film_says_why_and_gives_no_number() -> None:
    text = shown(refused_reading())
    assert "REFUSED: NOT READ" in text
    assert "upside down" in text
    assert "%" not in text
    assert NOTICE in text


def test_warnings_child_and_corrections_come_before_the_findings() -> None:
    reading = accepted_reading(age=4, quarter_turns=1, warnings=(Note(code="mirrored", message="It looks mirrored."),))
    text = shown(reading)
    first = text.index("Probabilities")
    for told in ("CHILD", "CORRECTED", "WARNING", "It looks mirrored."):
        assert text.index(told) < first


def test_strangers_text_steers_nothing() -> None:
    hostile = "[bold red]x[/] \x1b[2J\x1b]0;title\x07 \u202egnp [link=http://a]b[/link] :boom: \x9b31m"
    reading = accepted_reading(
        name=hostile, symptoms=hostile, warnings=(Note(code="odd", message=hostile),), spacing_source=hostile
    )
    text = shown(reading, 200, force_terminal=True, color_system="truecolor")
    assert not set(text) & set("\x07\u202e\x9b")
    # What is left of escapes is Rich's own: colours and weights only.
    assert re.sub(r"\x1b\[[0-9;]*m", "", text).count("\x1b") == 0
    assert "\x1b[2J" not in text
    assert "[bold red]x[/]" in text
    assert ":boom:" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8"])
@pytest.mark.parametrize("width", [50, 80, 120])
def test_consoles_without_unicode_are_written_to(encoding: str, width: int) -> None:
    raw = BytesIO()
    file = TextIOWrapper(raw, encoding=encoding, errors="strict")
    reading = accepted_reading(name="Шапка 肺.dcm", symptoms="жар", age=4)
    terminal.show(reading, Console(file=file, width=width))
    file.flush()
    text = raw.getvalue().decode(encoding)
    assert "present" in text
    assert ("肺" in text) == (encoding == "utf-8")
    assert one_line(NOTICE) in one_line(text)
