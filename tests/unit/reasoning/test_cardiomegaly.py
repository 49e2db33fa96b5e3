import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Measurement
from lucidray.domain.vocabulary import Status
from lucidray.reasoning.cardiomegaly import weigh

STATUSES = ("absent", "uncertain", "present", "unsupported")
RANK = {"unsupported": -1, "absent": 0, "uncertain": 1, "present": 2}
statuses = st.sampled_from(STATUSES)
values = st.floats(0.2, 0.95)


def ratio(value: float | None, reliable: bool = True) -> Measurement:
    note = "PA film" if reliable else "AP film: the heart is magnified"
    return Measurement(
        id=CARDIOTHORACIC_RATIO_ID, name="cardiothoracic_ratio", value=value, unit="1", reliable=reliable, note=note
    )


@pytest.mark.parametrize(
    ("score", "value", "status"),
    [
        ("absent", 0.45, "absent"),
        ("uncertain", 0.45, "uncertain"),
        ("present", 0.45, "uncertain"),
        ("unsupported", 0.45, "absent"),
        ("absent", 0.50, "absent"),
        ("absent", 0.51, "uncertain"),
        ("uncertain", 0.52, "uncertain"),
        ("present", 0.55, "present"),
        ("unsupported", 0.55, "uncertain"),
        ("absent", 0.56, "present"),
        ("uncertain", 0.56, "present"),
        ("present", 0.56, "present"),
        ("unsupported", 0.56, "present"),
    ],
)
def test_a_reliable_ratio_and_a_score(score: Status, value: float, status: Status) -> None:
    assert weigh(score, ratio(value), is_child=False)[0] == status


@given(score=statuses, value=values)
def test_an_unreliable_ratio_alone_never_makes_it_present(score: Status, value: float) -> None:
    status, _ = weigh(score, ratio(value, reliable=False), is_child=False)
    assert status != "present" or score == "present"


@given(score=statuses, value=values)
def test_an_unreliable_ratio_never_lowers_the_status(score: Status, value: float) -> None:
    assert RANK[weigh(score, ratio(value, reliable=False), is_child=False)[0]] >= RANK[score]


def test_a_large_unreliable_ratio_raises_a_doubt() -> None:
    assert weigh("absent", ratio(0.60, reliable=False), is_child=False)[0] == "uncertain"
    assert weigh("absent", ratio(0.59, reliable=False), is_child=False)[0] == "absent"
    assert weigh("unsupported", ratio(0.70, reliable=False), is_child=False)[0] == "unsupported"


@given(score=statuses, first=values, second=values, reliable=st.booleans())
def test_a_larger_ratio_never_lowers_the_status(score: Status, first: float, second: float, reliable: bool) -> None:
    small, large = (weigh(score, ratio(v, reliable), is_child=False)[0] for v in sorted((first, second)))
    assert RANK[large] >= RANK[small]


@given(value=st.one_of(st.none(), values), reliable=st.booleans())
def test_a_higher_score_never_lowers_the_status(value: float, reliable: bool) -> None:
    ranks = [RANK[weigh(s, ratio(value, reliable), is_child=False)[0]] for s in ("absent", "uncertain", "present")]
    assert ranks == sorted(ranks)


@given(score=st.sampled_from(["absent", "present"]), value=st.floats(0.2, 0.59))
def test_flip_the_score_and_the_status_flips_where_the_ratio_decides_nothing(score: Status, value: float) -> None:
    assert weigh(score, ratio(value, reliable=False), is_child=False)[0] == score
    assert weigh(score, None, is_child=False)[0] == score


@given(score=statuses, value=values, reliable=st.booleans())
def test_nothing_is_said_of_children(score: Status, value: float, reliable: bool) -> None:
    assert weigh(score, ratio(value, reliable), is_child=True)[0] == "unsupported"


@given(score=st.sampled_from(["absent", "uncertain", "present"]), value=values, reliable=st.booleans())
def test_the_ratio_and_why_it_is_not_trusted_are_in_the_basis(score: Status, value: float, reliable: bool) -> None:
    _, basis = weigh(score, ratio(value, reliable), is_child=False)
    assert f"{value:.2f}" in basis
    assert ("not reliable (AP film" in basis) == (not reliable)


@pytest.mark.parametrize(("score", "value", "reliable"), [("present", 0.45, True), ("absent", 0.65, False)])
def test_disagreement_is_told(score: Status, value: float, reliable: bool) -> None:
    status, basis = weigh(score, ratio(value, reliable), is_child=False)
    assert status == "uncertain"
    assert "disagree" in basis
