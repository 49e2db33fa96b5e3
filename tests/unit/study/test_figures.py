import numpy as np
import pytest
from scipy import stats

from lucidray.study.figures import EVERY, MATCHED, MISREAD, Groups, against, controls, holm, pair, score


def groups(seed: int = 0, ratio: float = 2.0) -> Groups:
    """A hundred films: of 60 positive ones 10 are misread, of 40 negative ones 5."""
    truth = np.arange(100) < 60
    called = truth.copy()
    called[:10] = False
    called[60:65] = True
    return Groups.draw(truth, called, ratio, seed)


def test_every_misread_film_and_a_sample_of_the_same_classes() -> None:
    found = groups()
    assert found.misread.tolist() == [*range(10), *range(60, 65)]
    assert found.truth[found.matched].sum() == 20
    assert (~found.truth[found.matched]).sum() == 10
    assert not set(found.matched) & set(found.misread)
    assert groups().matched.tolist() == found.matched.tolist()
    assert groups(seed=1).matched.tolist() != found.matched.tolist()
    assert found.of(0) == [MISREAD, EVERY]


def test_a_sample_takes_all_there_are_where_they_are_few() -> None:
    assert len(groups(ratio=50).matched) == 85


def test_doubt_silence_and_refusal_count_as_wrong() -> None:
    found = groups()
    said = {place: "present" if place < 60 else "absent" for place in range(100)}
    whole = score(said, found, EVERY, 200, 0)
    assert whole.accuracy.value == 1.0
    said |= {0: "undecided", 1: "silent", 2: "refused", 60: "failed"}
    less = score(said, found, EVERY, 200, 0)
    assert (less.n, less.right) == (100, 96)
    assert less.said["present"] == {
        "present": 57, "absent": 0, "undecided": 1, "silent": 1, "refused": 1, "failed": 0,
    }  # fmt: skip
    assert less.decided.value == 1.0
    assert less.decided.n == 96
    assert less.sensitivity.value == pytest.approx(57 / 60)
    assert less.specificity.value == pytest.approx(39 / 40)
    wilson = stats.binomtest(96, 100).proportion_ci(method="wilson")
    assert (less.accuracy.low, less.accuracy.high) == pytest.approx((wilson.low, wilson.high))


def test_an_answer_that_is_always_the_opposite_is_always_right_on_misread_films() -> None:
    opposite = next(one for one in controls(groups()) if "opposite" in one.name)
    assert opposite.accuracy == {MISREAD: 1.0, MATCHED: 0.0, EVERY: 0.15}


def test_shuffled_answers_know_nothing() -> None:
    found = groups()
    said = dict.fromkeys(range(100), "present")
    assert score(said, found, EVERY, 200, 0).shuffled == pytest.approx(0.6)


def test_a_sample_is_weighted_to_all_films() -> None:
    """A reader right on every misread film and on half of the others is right on 15 % and half of 85 %."""
    found = groups()
    said = {int(place): "present" if found.truth[place] else "absent" for place in found.misread}
    for kind in (True, False):
        chosen = [int(place) for place in found.matched if found.truth[place] == kind]
        half = len(chosen) // 2
        said |= dict.fromkeys(chosen[:half], "present" if kind else "absent")
        said |= dict.fromkeys(chosen[half:], "undecided")
    weighted = score(said, found, EVERY, 2000, 0)
    assert weighted.estimated
    assert weighted.accuracy.value == pytest.approx(0.15 + 0.5 * 0.85)
    assert weighted.accuracy.low < weighted.accuracy.value < weighted.accuracy.high
    # The share of those asked is far from it: this is why it is weighted.
    assert weighted.right / weighted.n == pytest.approx(30 / 45)
    held = against(said, found, "Pneumonia", 2000, 0)
    assert held.test is None
    assert held.difference.value == pytest.approx(0.15 + 0.5 * 0.85 - 0.85)


def test_a_stratum_that_nobody_was_asked_about_gives_no_figure() -> None:
    found = groups()
    said = {int(place): "absent" for place in found.misread}
    assert score(said, found, EVERY, 100, 0) is None
    assert against(said, found, "Pneumonia", 100, 0) is None
    assert score({}, found, MISREAD, 100, 0) is None


def test_against_the_baseline_by_mcnemar() -> None:
    found = groups()
    said = {place: "present" if found.called[place] else "absent" for place in range(100)}
    said |= dict.fromkeys(range(8), "present")  # eight misread films right
    said |= dict.fromkeys((20, 21), "undecided")  # two others lost
    held = against(said, found, "Pneumonia", 2000, 0)
    assert (held.test.only_first_right, held.test.only_second_right) == (2, 8)
    assert held.test.p_value == pytest.approx(stats.binomtest(2, 10).pvalue)
    assert held.difference.value == pytest.approx(0.06)
    assert held.difference.low < 0.06 < held.difference.high


def test_two_opinions_meet_on_films_that_both_were_asked_about() -> None:
    found = groups()
    one, other = {0: "present", 1: "present", 2: "absent"}, {1: "absent", 2: "absent", 3: "present"}
    tested = pair(one, other, found, "Pneumonia", 100, 0, ("a", "b"))
    assert tested.n == 2
    assert (tested.only_first_right, tested.both_wrong) == (1, 1)
    assert pair({0: "present"}, {1: "present"}, found, "Pneumonia", 100, 0) is None


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
