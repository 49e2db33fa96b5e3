"""A reading that contradicts itself cannot be made."""

import json

import pytest
from pydantic import ValidationError

from lucidray.domain.reading import READER_ID, Finding, Reading
from tests.readings import accepted_reading, refused_reading


def changed(reading: Reading, **fields) -> Reading:
    return Reading.model_validate({**reading.model_dump(), **fields})


def test_a_sentence_cannot_rest_on_what_is_not_there() -> None:
    reading = accepted_reading()
    report = reading.report.model_dump()
    report["findings"][0]["evidence"] = ["finding-of-nothing"]
    with pytest.raises(ValidationError, match="evidence that is not there"):
        changed(reading, report=report)


def test_a_sentence_cannot_rest_on_nothing() -> None:
    reading = accepted_reading()
    report = reading.report.model_dump()
    report["findings"][0]["evidence"] = []
    with pytest.raises(ValidationError):
        changed(reading, report=report)


def test_a_film_is_not_both_accepted_and_refused() -> None:
    with pytest.raises(ValidationError, match="accepted exactly"):
        changed(accepted_reading(), refusal=[{"code": "blank", "message": "Blank."}])
    with pytest.raises(ValidationError, match="accepted exactly"):
        changed(refused_reading(), accepted=True)


def test_all_findings_are_listed_in_order() -> None:
    reading = accepted_reading()
    findings = [finding.model_dump() for finding in reading.findings]
    with pytest.raises(ValidationError, match="all 14 findings"):
        changed(reading, findings=findings[:-1])
    with pytest.raises(ValidationError, match="all 14 findings"):
        changed(reading, findings=findings[::-1])


def test_a_refused_film_has_no_probability_anywhere() -> None:
    def keys(part: object) -> set[str]:
        if isinstance(part, dict):
            return set(part) | {key for value in part.values() for key in keys(value)}
        return {key for value in part for key in keys(value)} if isinstance(part, list) else set()

    assert "probability" not in keys(json.loads(refused_reading().model_dump_json()))


def test_numbers_that_are_none_never_reach_the_json() -> None:
    finding = accepted_reading().findings[0].model_dump()
    with pytest.raises(ValidationError):
        Finding.model_validate({**finding, "probability": float("nan")})


def test_a_refused_film_carries_no_judgement() -> None:
    risk = {"level": "Low", "words": "Low", "points": 0, "factors": []}
    with pytest.raises(ValidationError, match="no judgement"):
        changed(refused_reading(), risk=risk)


def test_a_readers_word_is_evidence_only_where_a_reader_spoke() -> None:
    reading = accepted_reading()
    report = reading.report.model_dump()
    report["findings"][0]["evidence"] = [READER_ID]
    with pytest.raises(ValidationError, match="evidence that is not there"):
        changed(reading, report=report)
    assert changed(reading, report=report, reader_text="Something.").report.findings[0].evidence == [READER_ID]


def test_lucidrays_own_report_is_held_to_its_evidence_too() -> None:
    reading = accepted_reading()
    report = reading.report.model_dump()
    report["findings"][0]["evidence"] = ["finding-of-nothing"]
    with pytest.raises(ValidationError, match="evidence that is not there"):
        changed(reading, composed=report)
