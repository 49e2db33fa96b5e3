"""What every reader backend must hold to; those that run a model here have tiny ones in `tests/unit/readers/local`."""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace

import chat_server
import numpy as np
import pytest
from report_requests import request

from lucidray.domain.answer import Answer
from lucidray.domain.errors import ModelError
from lucidray.domain.protocols import Reader, ReportRequest, StreamingReader
from lucidray.domain.radiograph import Radiograph
from lucidray.readers.fake import FakeReader
from lucidray.readers.grounding import ground
from lucidray.readers.letterbox import padded
from lucidray.readers.registry import READERS, open_reader


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with chat_server.running() as where:
        yield where


@pytest.fixture(scope="module", params=["composer", "fake", "openai", "gemini"])
def reader(request: pytest.FixtureRequest) -> Reader:
    entry = READERS[request.param]
    if importlib.util.find_spec(entry.module) is None:
        pytest.skip(f"{entry.module} is not here")
    if entry.extra == "remote":
        pytest.importorskip("httpx", reason="needs lucidray[remote]")
    if request.param == "openai":
        where = request.getfixturevalue("address")
        return open_reader("openai", {"model": "boxes", "base_url": f"{where}/v1"})
    if request.param == "gemini":
        where = request.getfixturevalue("address")
        return open_reader("gemini", {"model": "boxes", "base_url": f"{where}/v1beta", "key": "k"})
    return open_reader(request.param)


@pytest.fixture(scope="module")
def asked() -> ReportRequest:
    y, x = np.indices((300, 260)) / 300
    pixels = (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)
    return replace(request(), film=Radiograph(pixels=pixels, name="film", format="array"))


def test_it_is_a_reader(reader: Reader) -> None:
    assert isinstance(reader, Reader)
    assert reader.used.role == "reader"
    assert reader.used.name
    assert reader.used.version


def test_it_writes_a_report(reader: Reader, asked: ReportRequest) -> None:
    answer = reader.read(asked)
    assert any(char.isalpha() for char in answer.text)
    assert answer.dropped_boxes >= 0
    assert answer.token_confidence is None or 0 <= answer.token_confidence <= 1
    for named in answer.boxes:
        assert 0 <= named.box.x0 < named.box.x1 <= asked.film.width_px
        assert 0 <= named.box.y0 < named.box.y1 <= asked.film.height_px


def test_the_same_film_gets_the_same_answer(reader: Reader, asked: ReportRequest) -> None:
    assert reader.read(asked) == reader.read(asked)


def test_the_film_is_not_changed(reader: Reader, asked: ReportRequest) -> None:
    before = asked.film.pixels.copy()
    reader.read(asked)
    assert np.array_equal(asked.film.pixels, before)


def test_a_stream_ends_with_the_answer_that_reading_gives(reader: Reader, asked: ReportRequest) -> None:
    if not isinstance(reader, StreamingReader):
        pytest.skip("it cannot be watched")
    *pieces, last = reader.stream(asked)
    assert isinstance(last, Answer)
    assert pieces
    assert all(isinstance(piece, str) for piece in pieces)
    assert last == reader.read(asked)


def test_a_report_of_its_own_is_its_text(reader: Reader, asked: ReportRequest) -> None:
    answer = reader.read(asked)
    if answer.report is not None:
        assert answer.report.text == answer.text
        assert all(sentence.evidence for sentence in answer.report.sentences)
        # Whoever writes from the findings does not look at the film: it points nowhere.
        assert answer.boxes == ()


def test_it_changes_nothing_that_it_was_given(reader: Reader, asked: ReportRequest) -> None:
    pixels = asked.film.pixels.copy()
    before = [one.model_copy(deep=True) for one in asked.findings]
    reader.read(asked)
    assert np.array_equal(asked.film.pixels, pixels)
    assert asked.findings == before


def test_the_same_seed_gives_the_same_text(reader: Reader, asked: ReportRequest) -> None:
    assert reader.read(asked).text == reader.read(asked).text


def test_a_stream_ends_with_the_answer_that_it_spelt(reader: Reader, asked: ReportRequest) -> None:
    if not isinstance(reader, StreamingReader):
        pytest.skip("does not stream")
    *pieces, answer = reader.stream(asked)
    assert isinstance(answer, Answer)
    assert all(isinstance(piece, str) for piece in pieces)
    # What only places boxes is streamed as it comes and is no part of the text.
    spelt = ground("".join(map(str, pieces)), padded(*asked.film.pixels.shape[::-1], 896)).text
    assert spelt == answer.text


def test_the_fake_fails_when_it_is_told_to(asked: ReportRequest) -> None:
    with pytest.raises(ModelError, match="out of memory"):
        FakeReader(fails_with="out of memory").read(asked)
