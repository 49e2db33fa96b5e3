from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_films import drawn_film

import lucidray
from lucidray.domain.answer import Answer as ReaderAnswer
from lucidray.domain.errors import ReaderError, ServerError, UsageError
from lucidray.domain.reading import ModelUsed
from lucidray.models.upscalers import load_upscaler
from lucidray.pipeline import Request
from lucidray.study.answers import CLASSIFIER, Questioner, collect


class Writer:
    """Says what it is told to, and counts how often it is asked."""

    def __init__(self, *texts: str | Exception) -> None:
        self.texts, self.asked = list(texts), 0

    @property
    def used(self) -> ModelUsed:
        return ModelUsed(role="reader", name="writer", version="1", sha256=None)

    def read(self, request) -> ReaderAnswer:
        self.asked += 1
        said = self.texts[(self.asked - 1) % len(self.texts)]
        if isinstance(said, Exception):
            raise said
        return ReaderAnswer(text=said)


@pytest.fixture(scope="module")
def engine():
    return lucidray.load(threads=1, device="cpu")


def questioner(engine, writer: Writer | None = None, reader: str = "writer") -> Questioner:
    models = engine.models if writer is None else replace(engine.models, reader=writer)
    return Questioner(reader, models, Request(age_years=3.0), load_upscaler("lanczos"), "Pneumonia", as_whole=True)


FILMS = [np.float32(drawn_film(bool(n % 2), np.random.default_rng(n)) / 255) for n in range(8)]


def test_what_a_reader_claims_is_its_answer_whatever_the_gate_says(engine) -> None:
    given = questioner(engine, Writer("Findings: right lower lobe pneumonia.")).answer(FILMS[0], "a")
    assert given.said == "present"
    assert given.in_force == ("refused" if given.refused else "present")
    assert given.text.endswith("pneumonia.")
    # A blank film is refused; what a reader says of it all the same is kept apart.
    blank = questioner(engine, Writer("No pneumonia.")).answer(np.full((28, 28), 0.5, np.float32), "b")
    assert (blank.said, blank.in_force) == ("absent", "refused")
    assert "blank" in blank.refused


def test_the_networks_alone_answer_by_their_status(engine) -> None:
    given = questioner(engine, reader=CLASSIFIER).answer(FILMS[1], "a")
    assert given.text == ""
    assert given.probability is not None
    assert given.said in ("present", "absent", "undecided")
    composed = questioner(engine, reader="composer").answer(FILMS[1], "a")
    assert composed.said == given.said
    assert composed.text.startswith("FINDINGS")


def test_a_stopped_study_goes_on(engine, tmp_path: Path) -> None:
    writer = Writer("No pneumonia.")
    asked = questioner(engine, writer)
    head = asked.head("ab" * 32, {})
    collect(asked, FILMS, [0, 2], tmp_path / "j.jsonl", head)
    assert writer.asked == 2
    found = collect(asked, FILMS, range(4), tmp_path / "j.jsonl", head)
    assert writer.asked == 4
    assert [found[place].said for place in range(4)] == ["absent"] * 4
    again = collect(asked, FILMS, range(4), tmp_path / "j.jsonl", head)
    assert again == found
    assert writer.asked == 4
    collect(asked, FILMS, [0], tmp_path / "j.jsonl", head, resume=False)
    assert writer.asked == 5


def test_answers_of_two_ways_of_asking_are_never_mixed(engine, tmp_path: Path) -> None:
    asked = questioner(engine, Writer("No pneumonia."))
    collect(asked, FILMS, [0], tmp_path / "j.jsonl", asked.head("ab" * 32, {}))
    for other in (asked.head("cd" * 32, {}), asked.head("ab" * 32, {"model": "x"})):
        with pytest.raises(UsageError, match="another way"):
            collect(asked, FILMS, [0], tmp_path / "j.jsonl", other)


def test_a_failed_answer_is_asked_again(engine, tmp_path: Path) -> None:
    writer = Writer(ServerError("it is down"), "No pneumonia.")
    asked = questioner(engine, writer)
    head = asked.head("ab" * 32, {})
    first = collect(asked, FILMS, [0], tmp_path / "j.jsonl", head)
    assert (first[0].said, first[0].text) == ("failed", "it is down")
    assert collect(asked, FILMS, [0], tmp_path / "j.jsonl", head)[0].said == "absent"


def test_a_server_that_is_down_ends_it_soon(engine, tmp_path: Path) -> None:
    writer = Writer(ServerError("it is down"))
    asked = questioner(engine, writer)
    with pytest.raises(ReaderError, match="it is down"):
        collect(asked, FILMS, range(8), tmp_path / "j.jsonl", asked.head("ab" * 32, {}))
    assert writer.asked == 5
