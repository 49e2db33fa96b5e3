"""Confidence: from entropy, intervals, words and agreement; and when a person must read first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.judgement import Confidence
from lucidray.reasoning.comparison import compare
from lucidray.reasoning.confidence import certainty, entropy_bits, judge_confidence
from lucidray.reasoning.fusion import contradictions, fuse
from lucidray.reasoning.risk import critical_labels
from lucidray.reasoning.rules import load_rules
from tests.sources import claim, finding, findings, wording

RULES = load_rules()


def confidence(of, claims=None, tokens=None, *, told_findings=False) -> Confidence:
    compared = compare(of, claims)
    disagreements = contradictions(compared, None, [], wording())
    critical = critical_labels(RULES.risk)
    return judge_confidence(
        compared, disagreements, "someone", tokens, told_findings, critical, RULES.confidence, wording()
    )


@pytest.mark.parametrize(("probability", "bits"), [(0.0, 0.0), (1.0, 0.0), (0.5, 1.0), (0.11, 0.499916)])
def test_entropy_in_bits(probability, bits) -> None:
    assert entropy_bits(probability) == pytest.approx(bits, abs=1e-6)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_interval_is_less_certain(probability, one, other) -> None:
    narrow, wide = sorted((one, other))
    of_narrow = finding("Mass", "present", probability=probability, interval=(0.0, narrow))
    of_wide = finding("Mass", "present", probability=probability, interval=(0.0, wide))
    assert 0 <= certainty(of_wide) <= certainty(of_narrow) <= 1


def test_the_classifiers_confidence_is_the_mean_certainty_of_what_it_assesses() -> None:
    sure = findings(others="unsupported", Mass="absent")
    sure = [finding("Mass", "absent", probability=0.0) if one.label == "Mass" else one for one in sure]
    assert confidence(sure).classifier == 1.0
    torn = [finding("Edema", "absent", probability=0.5) if one.label == "Edema" else one for one in sure]
    assert confidence(torn).classifier == 0.5


def test_one_source_says_so() -> None:
    one = confidence(findings())
    assert one.reader is None
    assert one.fused == one.classifier
    assert any(told.startswith("One source: someone writes from the classifier's findings") for told in one.basis)
    assert not one.read_first
    assert one.reasons == []


@pytest.mark.parametrize(
    ("claims", "tokens", "reader"),
    [
        ([claim("Effusion"), claim("Edema", "absent")], 0.9, 0.9),
        ([claim("Effusion"), claim("Edema")], 0.9, 0.5),
        ([claim("Effusion"), claim("Edema", "absent")], None, 1.0),
        ([], 0.9, 0.0),  # silent about an effusion that is there
    ],
)
def test_a_reader_is_as_good_as_its_words_and_its_agreement(claims, tokens, reader) -> None:
    assert confidence(findings(Effusion="present"), claims, tokens).reader == reader


def test_another_name_of_a_shadow_agrees_once() -> None:
    one = confidence(findings(Pneumonia="present"), [claim("Consolidation"), claim("Edema")])
    assert "It agrees with 1 of 2 findings that can be compared." in one.basis


def test_a_reader_that_cannot_be_judged_has_no_number() -> None:
    one = confidence(findings(), [])
    assert one.reader is None
    assert "It names no finding that can be compared." in one.basis
    assert one.fused == one.classifier


def test_agreement_takes_the_mean_and_contradiction_the_lower() -> None:
    agreed = confidence(findings(Effusion="present"), [claim("Effusion")], 0.9)
    assert agreed.fused == pytest.approx((agreed.classifier + 0.9) / 2, abs=1e-3)
    apart = confidence(findings(Effusion="present"), [claim("Effusion"), claim("Edema")], 0.9)
    assert apart.fused == min(apart.classifier, apart.reader)


def test_below_the_set_coverage_a_person_reads_first() -> None:
    few = findings(
        *[finding(label, "uncertain", probability=0.02) for label in ("Edema", "Effusion", "Fibrosis")],
        others="unsupported",
        Hernia="absent",
        Infiltration="absent",
    )
    one = confidence(few)
    assert one.coverage == 0.4
    assert one.read_first
    assert one.reasons == ["Only 2 of 5 assessed findings are decided."]
    assert one.basis[-1] == "To be read by a person first: only 2 of 5 assessed findings are decided."


def test_nothing_assessed_is_no_reading() -> None:
    one = confidence(findings(others="unsupported"))
    assert (one.classifier, one.fused, one.coverage, one.words, one.read_first) == (None, 0.0, 0.0, "low", True)


@pytest.mark.parametrize(
    ("of", "claims", "told"),
    [
        (findings(Pneumothorax="present"), [], "The sources do not agree on pneumothorax."),
        (findings(), [claim("Free Air")], "The sources do not agree on free air under the diaphragm."),
        (findings(Mass="uncertain"), None, "Mass is in doubt."),
        (findings(), [claim("Nodule", "uncertain")], "Nodule is in doubt."),
    ],
)
def test_what_is_critical_does_not_stay_in_doubt(of, claims, told) -> None:
    one = confidence(of, claims)
    assert one.read_first
    assert told in one.reasons


def test_a_harmless_disagreement_does_not_stop_a_reading_by_itself() -> None:
    one = confidence(findings(Hernia="present"), [claim("Hernia"), claim("Pleural Thickening")], 0.9)
    assert all("agree on" not in told for told in one.reasons)


def test_agreement_of_a_reader_that_was_told_the_findings_counts_for_nothing() -> None:
    of = findings(finding("Effusion", "present", "right"))
    said = [claim("Effusion", "present", "right")]
    assert confidence(of, said).reader == 1.0
    told = confidence(of, said, told_findings=True)
    assert told.reader is None
    assert any("told the findings" in text for text in told.basis)
    compared = compare(of, said)
    rules = RULES.fusion
    apart = [one.fused_probability for one in fuse(compared, rules) if one.label == "Effusion"]
    same = [one.fused_probability for one in fuse(compared, rules.without_agreement()) if one.label == "Effusion"]
    assert apart[0] > same[0] == of[2].probability
