import numpy as np
import pytest
from scipy import stats

from lucidray.evaluation.said import from_labels
from lucidray.evaluation.second_opinion import ALL, ANY, Opinions, cohen_kappa, mcnemar, verdict


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 5), (3, 9), (10, 10), (1, 40)])
def test_mcnemar_is_the_binomial_test(first, second) -> None:
    wanted = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(wanted)


@pytest.mark.extra
def test_kappa_as_scikit_learn_has_it() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    a, b = rng.random(50) < 0.4, rng.random(50) < 0.4
    sums = np.array([(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()], dtype=float)
    assert cohen_kappa(sums) == pytest.approx(metrics.cohen_kappa_score(a, b))
    assert np.isnan(cohen_kappa(np.array([0.0, 0, 0, 50])))


def said(*present, **others):
    return from_labels(dict.fromkeys(("Effusion", "Mass"), "absent") | dict.fromkeys(present, "present") | others)


TRUTH = [said("Effusion"), said("Effusion", "Mass"), said(), said("Mass")]
GOOD = [said("Effusion"), said("Effusion", "Mass"), said(), None]
POOR = [said(), said("Effusion"), said("Mass"), said("Mass")]


def opinions(patients="abcd") -> Opinions:
    return Opinions(TRUTH, {"good": GOOD, "poor": POOR}, list(patients), ["Effusion", "Mass"], resamples=200)


def test_who_was_right() -> None:
    found = opinions()
    assert found.questions == ["Effusion", "Mass", ANY, ALL]
    good, poor = (found.accuracy(name, "Effusion") for name in ("good", "poor"))
    assert (good.right, good.accuracy.n, good.sensitivity, good.specificity) == (3, 4, 1, 0.5)
    assert (poor.right, poor.sensitivity, poor.specificity) == (3, 0.5, 1)
    # No answer is never right.
    assert found.accuracy("good", ANY).right == 3
    assert found.accuracy("poor", ANY).right == 2
    assert (found.accuracy("good", ALL).right, found.accuracy("poor", ALL).right) == (3, 1)


def test_two_readers_together() -> None:
    pair = opinions().pair("good", "poor", ALL)
    assert (pair.both_right, pair.only_first_right, pair.only_second_right, pair.both_wrong) == (0, 3, 1, 0)
    assert pair.p_value == pytest.approx(stats.binomtest(1, 4).pvalue)
    assert (pair.agreement, pair.kappa, pair.films_of_patients) == (None, None, False)
    assert opinions().pair("good", "poor", "Effusion").agreement == pytest.approx(2 / 3)  # both answered three films


def test_intervals_are_wilsons_or_keep_patients_together() -> None:
    from lucidray.evaluation.segmentation import share

    alone = opinions().accuracy("good", "Mass").accuracy
    assert (alone.low, alone.high) == pytest.approx((share(3, 4).low, share(3, 4).high))
    together = opinions("aabb")
    assert together.accuracy("good", "Mass").accuracy.low == 0.5  # one patient or the other, twice
    assert together.pair("good", "poor", "Mass").films_of_patients


def test_unknown_truth_is_not_asked() -> None:
    truth = [from_labels({"Effusion": "present"}), from_labels({"Mass": "present"})]
    found = Opinions(truth, {"a": [said("Mass"), said("Mass")]}, ["1", "2"], ["Effusion", "Mass"])
    assert (found.accuracy("a", "Effusion").right, found.accuracy("a", "Effusion").accuracy.n) == (0, 1)
    assert found.accuracy("a", ALL).right == 1  # the mass said of the first film is not known to be wrong


@pytest.mark.parametrize(
    ("there", "polarity", "wanted"),
    [
        ("present", "present", "found"),
        ("present", "absent", "denied"),
        ("present", None, "missed"),
        ("present", "uncertain", "unsure"),
        ("absent", "present", "false alarm"),
        ("absent", "absent", "rightly denied"),
        ("absent", None, "rightly silent"),
        ("absent", "uncertain", "unsure"),
    ],
)
def test_verdicts(there, polarity, wanted) -> None:
    told = from_labels({} if polarity is None else {"Mass": polarity})
    assert verdict(from_labels({"Mass": there}), told, "Mass", "absent") == wanted
    assert verdict(from_labels({"Mass": there}), None, "Mass", "absent") == "no answer"
    assert verdict(from_labels({}), told, "Mass", "absent") is None
