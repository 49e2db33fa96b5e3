"""What every reader must hold to. A backend is added to `BACKENDS`; one that needs weights skips where it has none."""

from collections.abc import Callable

import numpy as np
import pytest

from lucidray.domain.answer import Answer
from lucidray.domain.box import Box
from lucidray.domain.errors import ModelError
from lucidray.domain.protocols import Reader, ReportRequest, StreamingReader
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Overall
from lucidray.readers.composer import Composer
from lucidray.readers.fake import FakeReader
from tests.sources import finding, findings

BACKENDS: dict[str, Callable[[], Reader]] = {
    "composer": Composer,
    "fake": lambda: FakeReader(boxes=[("opacity", (0.2, 0.3, 0.4, 0.5))], token_confidence=0.8),
}


@pytest.fixture(params=BACKENDS)
def reader(request: pytest.FixtureRequest) -> Reader:
    return BACKENDS[request.param]()


@pytest.fixture
def asked() -> ReportRequest:
    y, x = np.indices((300, 260)) / 300
    pixels = (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)
    whole = Overall(probability=0.8, interval=None, threshold=0.4, status="present", n_positive=1, prevalence=None)
    return ReportRequest(
        film=Radiograph(pixels=pixels, name="film", format="array"),
        findings=findings(finding("Effusion", "present", "right"), Nodule="unsupported"),
        overall=whole,
        measurements=[],
        symptoms="cough",
        language="en",
    )


def test_it_is_a_reader_that_says_who_it_is(reader: Reader) -> None:
    assert isinstance(reader, Reader)
    assert reader.used.role == "reader"
    assert reader.used.name
    assert reader.used.version


def test_it_answers_in_words_and_boxes_on_the_film(reader: Reader, asked: ReportRequest) -> None:
    answer = reader.read(asked)
    assert isinstance(answer, Answer)
    assert answer.text.strip()
    assert answer.dropped_boxes >= 0
    assert answer.token_confidence is None or 0 <= answer.token_confidence <= 1
    film = Box(0, 0, asked.film.width_px, asked.film.height_px)
    assert all(named.box.clipped(film) == named.box for named in answer.boxes)


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
    assert "".join(map(str, pieces)) == answer.text


def test_the_fake_fails_when_it_is_told_to(asked: ReportRequest) -> None:
    with pytest.raises(ModelError, match="out of memory"):
        FakeReader(fails_with="out of memory").read(asked)
