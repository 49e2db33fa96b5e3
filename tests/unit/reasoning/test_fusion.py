"""Fused probabilities never fall, and every disagreement is listed in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Measurement, Overall
from lucidray.reasoning.comparison import compare
from lucidray.reasoning.fusion import contradictions, fuse, shifted
from lucidray.reasoning.rules import FusionRules, load_rules
from tests.sources import claim, finding, findings, wording

RULES = load_rules().fusion


def overall(probability: float, status: str = "absent") -> Overall:
    return Overall(probability=probability, interval=None, threshold=0.4, status=status, n_positive=1, prevalence=None)


def ratio(value: float, *, reliable: bool = True) -> Measurement:
    return Measurement(
        id=CARDIOTHORACIC_RATIO_ID, name="cardiothoracic_ratio", value=value, unit="1", reliable=reliable, note=""
    )


def listed(of, claims, whole=None, measurements=()) -> dict:
    return {(one.label, one.kind): one for one in contradictions(compare(of, claims), whole, measurements, wording())}


def fused(of, claims) -> dict:
    return {one.label: one for one in fuse(compare(of, claims), RULES)}


@given(st.floats(0, 1), st.floats(1, 100))
def test_a_shift_multiplies_the_odds(probability: float, ratio: float) -> None:
    after = shifted(probability, ratio)
    assert probability <= after <= 1
    if 1e-3 < probability < 0.99:
        odds = probability / (1 - probability) * ratio
        assert after == pytest.approx(odds / (1 + odds), abs=2e-5)


def test_agreement_raises_by_the_named_ratio() -> None:
    one = fused(findings(Effusion="present"), [claim("Effusion")])["Effusion"]
    odds = 0.8 / 0.2 * RULES.reader_present
    assert one.fused_probability == pytest.approx(odds / (1 + odds), abs=1e-5)
    assert one.classifier_probability == 0.8


@pytest.mark.parametrize("polarity", ["absent", "uncertain", None])
@pytest.mark.parametrize("status", ["present", "absent", "uncertain"])
def test_denial_doubt_and_silence_lower_nothing(status, polarity) -> None:
    claims = [claim("Effusion", polarity)] if polarity else []
    one = fused(findings(Effusion=status), claims)["Effusion"]
    assert one.fused_probability == one.classifier_probability


def test_a_reader_that_saw_it_elsewhere_or_contradicts_itself_raises_nothing() -> None:
    of = findings(finding("Effusion", "present", "left"))
    assert fused(of, [claim("Effusion", side="right")])["Effusion"].fused_probability == 0.8
    both = [claim("Effusion"), claim("Effusion", "absent")]
    assert fused(of, both)["Effusion"].fused_probability == 0.8


def test_a_readers_word_alone_makes_no_number() -> None:
    of = findings(Pneumothorax="unsupported")
    assert fused(of, [claim("Pneumothorax"), claim("Free Air")])["Pneumothorax"].fused_probability is None
    assert fused(of, [claim("Pneumothorax"), claim("Free Air")])["Free Air"].fused_probability is None


def test_one_source_says_so_and_keeps_its_numbers() -> None:
    for one in fused(findings(Effusion="present"), None).values():
        assert (one.relation, one.reader_says) == ("one_source", None)
        assert one.fused_probability == one.classifier_probability


def test_no_rule_may_lower_a_probability() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        FusionRules(reason="", reader_present=2, reader_uncertain=1, reader_absent=0.5, reader_silent=1)


def test_each_kind_is_listed_with_its_sentence_and_in_words() -> None:
    of = findings(
        finding("Effusion", "present", "left"),
        finding("Atelectasis", "present", "right"),
        finding("Mass", "present", "right"),
        Edema="present",
        Pneumothorax="unsupported",
    )
    said = [
        claim("Effusion", "absent", sentence="No effusion."),
        claim("Mass", side="left", sentence="Left mass."),
        claim("Pneumothorax", sentence="Pneumothorax."),
        claim("Consolidation", sentence="Consolidation."),
        claim("Edema", sentence="Edema."),
        claim("Edema", "absent", sentence="No edema."),
    ]
    found = listed(of, said)
    assert set(found) == {
        ("Effusion", "reader_denies"),
        ("Atelectasis", "reader_silent"),
        ("Mass", "sides_differ"),
        ("Pneumothorax", "reader_adds"),
        ("Consolidation", "reader_adds"),
        ("Edema", "reader_inconsistent"),
    }
    denied = found["Effusion", "reader_denies"]
    assert (denied.classifier_probability, denied.reader_says, denied.sentence) == (0.8, "absent", "No effusion.")
    assert denied.note == "The classifier sees pleural effusion (80 %); the reader says that there is none."
    assert found["Mass", "sides_differ"].note == ("The reader sees mass on: left. The classifier sees it on: right.")
    assert "does not assess it" in found["Pneumothorax", "reader_adds"].note
    assert found["Atelectasis", "reader_silent"].sentence is None


def test_agreement_is_no_contradiction() -> None:
    of = findings(finding("Effusion", "present", "left"))
    assert listed(of, [claim("Effusion", side="left"), claim("Edema", "absent")]) == {}


@pytest.mark.parametrize(
    ("probability", "value", "told"),
    [(0.1, 0.56, "above 0.50"), (0.6, 0.45, "is raised"), (0.6, 0.56, None), (0.1, 0.45, None)],
)
def test_score_and_ratio_are_held_against_each_other(probability, value, told) -> None:
    of = findings(finding("Cardiomegaly", "uncertain", probability=probability))
    found = listed(of, None, None, [ratio(value)])
    assert (("Cardiomegaly", "sources_disagree") in found) == (told is not None)
    if told:
        assert told in found["Cardiomegaly", "sources_disagree"].note
    assert listed(of, None, None, [ratio(value, reliable=False)]) == {}


def test_a_low_overall_score_beside_a_finding_is_listed_once() -> None:
    of = findings(finding("Mass", "present", probability=0.5), Effusion="present")
    assert set(listed(of, None, overall(0.1))) == {("Effusion", "sources_disagree")}
    assert listed(of, None, overall(0.6, "present")) == {}
    assert listed(findings(), None, overall(0.1)) == {}


def test_probabilities_stay_finite_at_the_ends() -> None:
    assert shifted(0.0, 2.0) == 0.0
    assert shifted(1.0, 2.0) == 1.0
    assert math.isfinite(shifted(1e-300, 2.0))
