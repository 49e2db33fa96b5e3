"""Agreement, denial, silence, doubt, sides: finding by finding."""

import pytest

from lucidray.reasoning.comparison import Comparison, compare
from tests.sources import claim, finding, findings


def relation_of(label: str, of: list, claims: list) -> Comparison:
    return next(one for one in compare(of, claims) if one.label == label)


@pytest.mark.parametrize(
    ("status", "polarity", "relation"),
    [
        ("present", "present", "agree"),
        ("present", "absent", "reader_denies"),
        ("present", "uncertain", "reader_doubts"),
        ("present", None, "reader_silent"),
        ("absent", "present", "reader_adds"),
        ("absent", "absent", "agree"),
        ("absent", "uncertain", "reader_doubts"),
        ("absent", None, "agree"),
        ("uncertain", "present", "undecided"),
        ("uncertain", "absent", "undecided"),
        ("unsupported", "present", "reader_adds"),
        ("unsupported", "absent", "not_assessed"),
        ("unsupported", None, "not_assessed"),
    ],
)
def test_every_pair_has_its_relation(status, polarity, relation) -> None:
    claims = [claim("Effusion", polarity)] if polarity else []
    one = relation_of("Effusion", findings(Effusion=status), claims)
    assert one.relation == relation
    assert one.says == polarity


def test_without_a_second_source_nothing_is_compared() -> None:
    assert {one.relation for one in compare(findings(Effusion="present"), None)} == {"one_source"}


@pytest.mark.parametrize(
    ("seen", "said", "relation"),
    [
        (["right"], "right", "agree"),
        (["right"], "left", "sides_differ"),
        (["right"], "both", "sides_differ"),
        (["right", "left"], "both", "agree"),
        (["right", "left"], "left", "sides_differ"),
        (["right"], None, "agree"),
        ([], "left", "agree"),
    ],
)
def test_sides_are_compared_where_both_name_one(seen, said, relation) -> None:
    of = findings(finding("Effusion", "present", *seen))
    assert relation_of("Effusion", of, [claim("Effusion", side=said)]).relation == relation


def test_two_claims_of_one_side_each_are_both_sides() -> None:
    of = findings(finding("Effusion", "present", "right", "left"))
    claims = [claim("Effusion", side="left"), claim("Effusion", side="right")]
    assert relation_of("Effusion", of, claims).relation == "agree"


def test_the_heart_has_no_side() -> None:
    of = findings(finding("Cardiomegaly", "present", "midline"))
    assert relation_of("Cardiomegaly", of, [claim("Cardiomegaly", side="left")]).relation == "agree"


@pytest.mark.parametrize(("denied", "relation"), [("right", "reader_silent"), ("left", "reader_denies")])
def test_a_denial_on_the_other_side_denies_nothing(denied, relation) -> None:
    of = findings(finding("Effusion", "present", "left"))
    assert relation_of("Effusion", of, [claim("Effusion", "absent", denied)]).relation == relation


def test_another_name_of_the_same_shadow_is_no_contradiction() -> None:
    of = findings(Pneumonia="present")
    compared = {one.label: one.relation for one in compare(of, [claim("Consolidation")])}
    assert compared["Pneumonia"] == "other_name"
    assert compared["Consolidation"] == "other_name"
    # A mass is no other name of pneumonia.
    compared = {one.label: one.relation for one in compare(of, [claim("Mass")])}
    assert compared["Pneumonia"] == "reader_silent"
    assert compared["Mass"] == "reader_adds"


def test_another_name_on_the_other_side_is_another_thing() -> None:
    of = findings(finding("Pneumonia", "present", "right"))
    compared = {one.label: one.relation for one in compare(of, [claim("Consolidation", side="left")])}
    assert compared["Pneumonia"] == "reader_silent"
    assert compared["Consolidation"] == "reader_adds"
    compared = {one.label: one.relation for one in compare(of, [claim("Consolidation", side="right")])}
    assert compared["Pneumonia"] == "other_name"


def test_another_name_of_what_may_be_there_is_no_addition() -> None:
    compared = {one.label: one.relation for one in compare(findings(Nodule="uncertain"), [claim("Mass")])}
    assert compared["Mass"] == "other_name"
    assert compared["Nodule"] == "undecided"


def test_free_air_is_not_overheard() -> None:
    one = relation_of("Free Air", findings(), [claim("Free Air")])
    assert (one.relation, one.status, one.probability) == ("reader_adds", "unsupported", None)
    assert relation_of("Free Air", findings(), [claim("Free Air", "absent")]).relation == "not_assessed"
    assert "Free Air" not in {one.label for one in compare(findings(), [])}


@pytest.mark.parametrize(
    ("present", "absent", "inconsistent"),
    [
        (None, None, True),
        ("left", "left", True),
        ("left", None, True),
        ("left", "right", False),
        (None, "right", False),
    ],
)
def test_a_reader_that_contradicts_itself_is_caught(present, absent, inconsistent) -> None:
    claims = [claim("Effusion", "present", present), claim("Effusion", "absent", absent)]
    one = relation_of("Effusion", findings(), claims)
    assert one.inconsistent is inconsistent
    assert one.says == "present"
