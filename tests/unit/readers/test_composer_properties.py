"""What holds for every report, whatever the findings are."""

import re

import pytest
from hypothesis import given, settings
from report_requests import finding, ratio, reading, request
from report_strategies import STATUSES, requests

from lucidray.domain.reading import Report
from lucidray.domain.vocabulary import LABELS, finding_id
from lucidray.readers.composer import Composer

# Written out here, so that a wrong word in the table is seen.
TERMS = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Effusion": "effusion",
    "Infiltration": "infiltration",
    "Mass": r"mass(es)?\b",
    "Nodule": "nodul",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothora",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Emphysema": "emphysema",
    "Fibrosis": "fibrosis",
    "Pleural Thickening": "pleural thickening",
    "Hernia": "hernia",
}
NOT_ASSESSED = "Not assessed: "


def stance(text: str, label: str) -> str | None:
    """What a sentence says of a finding: nothing, that it is there, is not there, or may be there."""
    found = re.search(rf"\b{TERMS[label]}", text, re.IGNORECASE)
    if not found:
        return None
    if re.match("possible ", text, re.IGNORECASE) or "cannot be excluded" in text:
        return "uncertain"
    before = re.split("[.;:]", text[: found.start()])[-1]
    return "absent" if re.search(r"\b(no|not|without)\b", before, re.IGNORECASE) else "present"


def not_assessed(report: Report) -> list[str]:
    return [sentence.text for sentence in report.sentences if sentence.text.startswith(NOT_ASSESSED)]


@settings(max_examples=150, deadline=None)
@given(requests())
def test_every_report_is_well_formed(asked):
    report = Composer().write(asked)
    reading(asked, report)  # all evidence is there, or this raises
    texts = [sentence.text for sentence in report.sentences]
    assert len(texts) == len(set(texts))
    for sentence in report.sentences:
        assert len(sentence.evidence) == len(set(sentence.evidence))
        assert sentence.text.isprintable()
        assert re.fullmatch(r"[A-Z][^{}]*[^ .]\.", sentence.text), sentence.text
        assert not re.search(r"  | [,.;:]|\b(None|nan)\b|\bis are\b", sentence.text), sentence.text
    assert any(re.search("recommended|suggested", sentence.text) for sentence in report.impression)


@settings(max_examples=150, deadline=None)
@given(requests())
def test_nothing_is_said_of_what_was_not_assessed(asked):
    report = Composer().write(asked)
    unsupported = [each.label for each in asked.findings if each.status == "unsupported"]
    assert len(not_assessed(report)) == bool(unsupported)
    for sentence in report.sentences:
        named = {label for label in unsupported if stance(sentence.text, label)}
        if sentence.text.startswith(NOT_ASSESSED):
            assert named == set(unsupported)
        else:
            # "The score for cardiomegaly and the ratio disagree" needs a score.
            assert not named, sentence.text
            assert not {finding_id(label) for label in unsupported} & set(sentence.evidence)
    assert not re.search(r"\b(normal|clear|unremarkable)\b", report.text, re.IGNORECASE)


@settings(max_examples=100, deadline=None)
@given(requests())
def test_no_abnormality_only_where_everything_agrees(asked):
    said = "No abnormality" in Composer().write(asked).text
    assessed = [each for each in asked.findings if each.status != "unsupported"]
    if said:
        assert assessed
        assert all(each.status == "absent" for each in assessed)
        assert asked.overall.status == "absent"


@settings(max_examples=100, deadline=None)
@given(requests())
def test_negatives_name_absent_findings_only(asked):
    status = {each.label: each.status for each in asked.findings}
    for sentence in Composer().write(asked).findings:
        if sentence.verdict == "contradicted" or not sentence.text.startswith("No "):
            continue
        for label in LABELS:
            if stance(sentence.text, label):
                assert status[label] == "absent"
                assert finding_id(label) in sentence.evidence


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("others", ["absent", "uncertain", "unsupported"])
def test_flip_the_finding_and_the_sentence_flips(label, others):
    texts = {}
    for status in STATUSES:
        report = Composer().write(request(statuses={label: status}, others=others, whole="uncertain"))
        stances = {stance(sentence.text, label) for sentence in report.findings} - {None}
        assert stances == ({status} if status != "unsupported" else set())
        cited = [sentence for sentence in report.findings if finding_id(label) in sentence.evidence]
        assert len(cited) == (status != "unsupported")
        texts[status] = report.text
    assert len(set(texts.values())) == len(STATUSES)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_side_is_never_exchanged(label, side):
    other = {"left": "right", "right": "left"}[side]
    measured = [ratio(0.6)] if label == "Cardiomegaly" else []
    report = Composer().write(request(finding(label, "present", (side, "lower")), measurements=measured))
    assert re.search(rf"\b{side}\b", report.text)
    assert not re.search(rf"\b{other}\b", report.text)
