"""How numbers are said, and how strangers' text is tamed."""

import pytest

from lucidray.domain.note import Note
from lucidray.reporting import words
from tests.readings import accepted_reading, refused_reading


@pytest.mark.parametrize(
    ("probability", "told"),
    [(0.0, "< 0.1 %"), (0.0004, "< 0.1 %"), (0.003, "0.3 %"), (0.0994, "9.9 %"), (0.0996, "10 %"), (0.634, "63 %")],
)
def test_percent(probability: float, told: str) -> None:
    assert words.percent(probability) == told


def test_nothing_is_certain() -> None:
    assert words.percent(1.0) == "> 99 %"
    assert words.percent(0.996) == "> 99 %"


def test_interval() -> None:
    assert words.interval(0.08, 0.14) == "8.0 to 14 %"


@pytest.mark.parametrize(
    ("years", "told"), [(0.09, "1 month"), (1.5, "18 months"), (2.0, "2 years"), (61.9, "61 years")]
)
def test_age(years: float, told: str) -> None:
    assert words.age(years) == told


def test_plain_takes_what_steers_terminals_and_turns_lines_around() -> None:
    hostile = "a\x1b[31mb\x07\u202ec\u2066\x9b0md\r\ne\x00\ud800"
    assert words.plain(hostile) == "a[31mbc0md e"
    assert words.plain("Müller שלום 肺 👩") == "Müller שלום 肺 👩"
    assert words.plain_lines("one\n\x1b[2Jtwo") == "one\n[2Jtwo"


def test_side_marks_are_the_patients_on_the_pictures_sides() -> None:
    assert words.side_marks(accepted_reading()) == ("R", "L")
    mirrored = accepted_reading(warnings=(Note(code="mirrored", message="Looks mirrored."),))
    assert words.side_marks(mirrored) == ("R?", "L?")
    assert words.side_marks(refused_reading()) is None


def test_findings_are_ranked_by_status_then_probability() -> None:
    ranked = words.ranked(accepted_reading().findings)
    assert [one.label for one in ranked[:4]] == ["Effusion", "Cardiomegaly", "Nodule", "Atelectasis"]
    assert [one.status for one in ranked[-2:]] == ["unsupported", "unsupported"]


@pytest.mark.parametrize(
    ("language", "way"), [("en", "ltr"), ("ar", "rtl"), ("fa-IR", "rtl"), ("he", "rtl"), ("de", "ltr")]
)
def test_direction(language: str, way: str) -> None:
    assert words.direction(language) == way


def test_a_child_is_told_and_an_unknown_age_is_no_child() -> None:
    assert "4 years" in (words.child(accepted_reading(age=4)) or "")
    assert words.child(accepted_reading(age=18)) is None
    assert words.child(accepted_reading(age=None)) is None


def test_the_assumed_prevalence_is_told_for_every_finding_that_has_a_probability() -> None:
    reading = accepted_reading()
    told = words.prevalences(reading)
    for finding in reading.findings:
        assert (finding.label in told) == (finding.probability is not None)
    assert words.prevalences(refused_reading()) == ""
