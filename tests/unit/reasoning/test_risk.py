"""Risk: what it rests on, what it names as missing, and that nothing but agreement can lower it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.domain.claim import Claim
from lucidray.domain.judgement import Risk
from lucidray.domain.reading import Finding, Overall
from lucidray.domain.vocabulary import LABELS
from lucidray.reasoning.comparison import compare, mates_of
from lucidray.reasoning.fusion import contradictions
from lucidray.reasoning.risk import critical_labels, judge_risk
from lucidray.reasoning.rules import RiskRules, load_rules
from tests.sources import claim, finding, findings, wording

RULES = load_rules().risk
LEVELS = ["Low", "Moderate", "High"]
RED_FLAGS = (("hemoptysis",), ("chest_pain", "dyspnea"))


def overall(status: str) -> Overall:
    probability = {"present": 0.8, "uncertain": 0.4, "absent": 0.1, "unsupported": None}[status]
    return Overall(probability=probability, interval=None, threshold=0.4, status=status, n_positive=1, prevalence=None)


def risk(of: list[Finding], claims: list[Claim] | None = None, whole: str = "absent", flags=()) -> Risk:
    compared = compare(of, claims)
    disagreements = contradictions(compared, overall(whole), [], wording())
    return judge_risk(compared, disagreements, overall(whole), flags, RULES, wording())


@pytest.mark.parametrize("label", ["Pneumothorax", "Mass", "Nodule"])
def test_the_critical_findings_weigh_most(label) -> None:
    assert risk(findings(**{label: "present"}), whole="present").level == "High"
    assert risk(findings(**{label: "uncertain"})).level == "Moderate"


def test_free_air_weighs_as_much_though_only_a_reader_can_see_it() -> None:
    assert risk(findings(), [claim("Free Air")]).level == "High"
    assert critical_labels(RULES) == {"Pneumothorax", "Mass", "Nodule", "Free Air"}


@pytest.mark.parametrize("label", sorted(set(LABELS) - {"Pneumothorax", "Mass", "Nodule"}))
def test_no_other_finding_alone_is_high(label) -> None:
    assert risk(findings(**{label.replace(" ", "_"): "present"}), whole="present").level != "High"


def test_a_clear_film_is_low_and_has_no_factor() -> None:
    one = risk(findings())
    assert (one.level, one.words, one.points, one.factors) == ("Low", "Low", 0, [])


def test_low_names_what_was_not_assessed() -> None:
    one = risk(findings(Pneumothorax="unsupported", Nodule="unsupported", Hernia="unsupported"))
    assert one.level == "Low"
    assert one.words == "Low among assessed findings; not assessed: nodule and pneumothorax"
    # A reader's denial assesses nothing.
    again = risk(findings(Pneumothorax="unsupported"), [claim("Pneumothorax", "absent")])
    assert again.words == "Low among assessed findings; not assessed: pneumothorax"
    assert risk(findings(Pneumothorax="unsupported", Mass="present")).words == "High"


def test_a_finding_that_one_source_sees_counts_as_present() -> None:
    assert risk(findings(), [claim("Pneumothorax")]).level == "High"
    assert risk(findings(Pneumothorax="present"), [claim("Pneumothorax", "absent")]).level == "High"


def test_names_of_one_shadow_count_once() -> None:
    one = risk(findings(Mass="uncertain", Nodule="uncertain"))
    assert one.points == RULES.findings["Mass"].uncertain
    assert "Nodule: counted once with mass, which may be the same shadow" in one.factors
    three = risk(findings(Pneumonia="present", Consolidation="present", Infiltration="present"), whole="present")
    assert three.points == RULES.findings["Pneumonia"].present


def test_red_flags_are_never_low() -> None:
    one = risk(findings(), flags=[("hemoptysis",)])
    assert one.level == "Moderate"
    assert one.factors == ["Symptoms that need an answer whatever the film shows: hemoptysis"]


def test_an_abnormal_film_without_a_finding_is_not_low() -> None:
    assert risk(findings(), whole="present").level == "Moderate"


def test_the_heaviest_factor_comes_first() -> None:
    one = risk(findings(Hernia="present", Mass="present"))
    assert one.factors[0] == "Mass: present (80 %)"


def test_a_finding_disputed_in_two_ways_counts_twice_and_is_told_once() -> None:
    seen = findings(finding("Mass", "present", "right"))
    once = risk(seen, [claim("Mass", "present", "left")])
    twice = risk(seen, [claim("Mass", "present", "left"), claim("Mass", "absent", "left")])
    assert twice.points == pytest.approx(once.points + RULES.contradiction)
    assert twice.factors == once.factors
    assert sum("disagree" in factor for factor in twice.factors) == 1


def test_rules_without_a_finding_or_with_a_heavier_doubt_are_refused() -> None:
    table = RULES.model_dump()
    table["findings"].pop("Mass")
    with pytest.raises(ValueError, match="Mass"):
        RiskRules.model_validate(table)
    table = RULES.model_dump()
    table["findings"]["Mass"]["uncertain"] = 7.0
    with pytest.raises(ValueError, match="cannot count more"):
        RiskRules.model_validate(table)


STATUSES = st.sampled_from(["present", "absent", "uncertain", "unsupported"])
SIDES = st.sampled_from([None, "left", "right", "both"])
CLAIMS = st.builds(
    claim,
    st.sampled_from([*LABELS, "Free Air"]),
    st.sampled_from(["present", "absent", "uncertain"]),
    SIDES,
)
FILMS = st.tuples(
    *[st.builds(finding, st.just(label), STATUSES, st.sampled_from(["left", "right"])) for label in LABELS]
)
READERS = st.one_of(st.none(), st.lists(CLAIMS, max_size=6))
WHOLE = st.sampled_from(["present", "uncertain", "absent", "unsupported"])
FLAGS = st.lists(st.sampled_from(RED_FLAGS), max_size=2, unique=True)


def not_lower(after: Risk, before: Risk) -> None:
    assert after.points >= before.points
    assert LEVELS.index(after.level) >= LEVELS.index(before.level)


@given(FILMS, READERS, WHOLE, FLAGS, st.integers(0, 13))
@settings(max_examples=150, deadline=None)
def test_doubt_about_an_absent_finding_lowers_nothing(film, claims, whole, flags, at) -> None:
    quiet, doubtful = list(film), list(film)
    quiet[at] = finding(LABELS[at], "absent")
    doubtful[at] = finding(LABELS[at], "uncertain")
    not_lower(risk(doubtful, claims, whole, flags), risk(quiet, claims, whole, flags))


@given(FILMS, READERS, WHOLE, FLAGS, st.integers(0, 13), st.sampled_from(["left", "right"]))
@settings(max_examples=150, deadline=None)
def test_one_more_finding_lowers_nothing(film, claims, whole, flags, at, side) -> None:
    before, after = list(film), list(film)
    before[at] = finding(LABELS[at], "absent")
    after[at] = finding(LABELS[at], "present", side)
    not_lower(risk(after, claims, whole, flags), risk(before, claims, whole, flags))


@given(FILMS, st.lists(CLAIMS, max_size=6), CLAIMS, WHOLE, FLAGS)
@settings(max_examples=200, deadline=None)
def test_what_a_reader_adds_lowers_nothing_unless_it_agrees(film, claims, added, whole, flags) -> None:
    seen = {one.label for one in film if one.status == "present"}
    agrees = added.polarity == "present" and ({added.label, *mates_of(added.label)} & seen)
    before = risk(list(film), claims, whole, flags)
    after = risk(list(film), [*claims, added], whole, flags)
    if not agrees:
        not_lower(after, before)


@given(FILMS, st.lists(CLAIMS, max_size=6), WHOLE, FLAGS)
@settings(max_examples=150, deadline=None)
def test_a_reader_that_agrees_fully_is_the_least_that_a_second_source_adds(film, claims, whole, flags) -> None:
    """A second source, whatever it says, never makes a film less pressing than the first alone."""
    not_lower(risk(list(film), claims, whole, flags), risk(list(film), None, whole, flags))


@given(FILMS, READERS, WHOLE, FLAGS)
@settings(max_examples=100, deadline=None)
def test_red_flags_and_a_raised_overall_score_lower_nothing(film, claims, whole, flags) -> None:
    not_lower(risk(list(film), claims, whole, [*flags, ("syncope",)]), risk(list(film), claims, whole, flags))
