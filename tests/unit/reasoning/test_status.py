from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.prediction import Prediction, Score
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Finding, Measurement
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.reasoning.status import decide, judge_score

NO_SCORE = Score(None, None, None, 7, None, "too few positive films")
LOW = Score(0.05, (0.03, 0.08), 0.31, 120, 0.1)
HIGH = Score(0.62, (0.55, 0.70), 0.31, 120, 0.1)
FILM = Radiograph(pixels=np.zeros((200, 200), np.float32), name="film", format="array")
shares = st.floats(0.001, 0.999)


def prediction(overall: Score = LOW, **scores: Score):
    return Prediction({label: scores.get(label, LOW) for label in LABELS}, overall, {})


def ratio(value: float, reliable: bool = True):
    return Measurement(
        id=CARDIOTHORACIC_RATIO_ID,
        name="cardiothoracic_ratio",
        value=value,
        unit="1",
        reliable=reliable,
        note="PA film",
    )


def finding(
    label: Label,
    *,
    film: Radiograph = FILM,
    measurements: Sequence[Measurement] = (),
    **scores: Score,
) -> Finding:
    findings, _ = decide(prediction(**scores), film, measurements)
    return next(each for each in findings if each.label == label)


@given(probability=shares, threshold=shares, low=shares, high=shares)
def test_status_follows_threshold_and_interval(probability: float, threshold: float, low: float, high: float) -> None:
    low, high = min(low, high, probability), max(low, high, probability)
    status, basis = judge_score(Score(probability, (low, high), threshold, 10, None))
    if low <= threshold <= high:
        assert status == "uncertain"
        assert "within the interval" in basis
    else:
        assert status == ("present" if probability > threshold else "absent")


def test_absent_is_said_only_where_the_film_speaks_against_the_finding() -> None:
    below = Score(0.05, (0.04, 0.06), 0.31, 120, 0.1)
    raised = Score(0.15, (0.12, 0.18), 0.31, 120, 0.1)
    assert judge_score(below)[0] == "absent"
    status, basis = judge_score(raised)
    assert status == "uncertain"
    assert "prevalence of 0.10" in basis


def test_the_basis_names_score_threshold_and_interval() -> None:
    assert (
        judge_score(HIGH)[1]
        == "score 0.62, calibrated at a prevalence of 0.10, threshold 0.31, 95 % interval 0.55 to 0.70"
    )


def test_small_shares_keep_their_digits() -> None:
    assert "0.031" in judge_score(Score(0.031, None, 0.2, 10, 0.1))[1]


def test_all_labels_are_decided_in_order() -> None:
    findings, _ = decide(prediction(), FILM, [])
    assert [each.label for each in findings] == list(LABELS)


def test_what_has_no_score_says_why() -> None:
    hernia = finding("Hernia", Hernia=NO_SCORE)
    assert (hernia.status, hernia.probability, hernia.threshold) == ("unsupported", None, None)
    assert hernia.basis == "too few positive films"
    assert hernia.n_positive == 7


def test_numbers_are_passed_through() -> None:
    mass = finding("Mass", Mass=HIGH)
    assert (mass.probability, mass.interval, mass.threshold) == (0.62, (0.55, 0.70), 0.31)
    assert (mass.n_positive, mass.prevalence, mass.status) == (120, 0.1, "present")


@given(st.sampled_from([label for label in LABELS if label != "Cardiomegaly"]))
def test_flip_the_score_and_the_status_flips(label: Label) -> None:
    findings = {
        status: decide(prediction(**{label: score}), FILM, [])[0]
        for status, score in (("present", HIGH), ("absent", LOW))
    }
    for status, listed in findings.items():
        for each in listed:
            assert each.status == (status if each.label == label else "absent")


def test_an_enlarged_heart_is_present_without_a_score() -> None:
    heart = finding("Cardiomegaly", Cardiomegaly=NO_SCORE, measurements=[ratio(0.6)])
    assert (heart.status, heart.probability) == ("present", None)
    assert "too few positive films" in heart.basis
    assert "cardiothoracic ratio 0.60" in heart.basis


def test_the_ratio_speaks_of_the_heart_only() -> None:
    findings, _ = decide(prediction(), FILM, [ratio(0.6)])
    assert [each.label for each in findings if each.status != "absent"] == ["Cardiomegaly"]


def test_nothing_is_said_of_a_childs_heart_even_with_a_score() -> None:
    heart = finding("Cardiomegaly", Cardiomegaly=HIGH, measurements=[ratio(0.6)], film=replace(FILM, age_years=4.0))
    assert (heart.status, heart.probability, heart.interval, heart.threshold) == ("unsupported", None, None, None)


@pytest.mark.parametrize("label", [label for label in LABELS if label != "Cardiomegaly"])
def test_no_other_finding_has_a_status_without_a_probability(label: Label) -> None:
    with pytest.raises(ValueError, match="needs a probability"):
        Finding(
            id="x",
            label=label,
            probability=None,
            interval=None,
            threshold=None,
            status="absent",
            n_positive=0,
            prevalence=None,
            basis="",
        )


def test_overall_follows_its_own_score() -> None:
    assert decide(prediction(overall=HIGH), FILM, [])[1].status == "present"
    assert decide(prediction(overall=LOW), FILM, [])[1].status == "absent"
    assert decide(prediction(overall=NO_SCORE), FILM, [])[1].status == "unsupported"


def test_a_film_with_a_finding_is_never_called_normal() -> None:
    overall = decide(prediction(overall=LOW, Mass=HIGH), FILM, [])[1]
    assert overall.status == "uncertain"
    assert overall.probability == LOW.probability
