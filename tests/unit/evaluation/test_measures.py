"""Rankings, calibration error and intervals over patients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucidray.evaluation.measures import (
    auroc,
    expected_calibration_error,
    patient_interval,
    resample_patients,
    sensitivity_specificity,
)


def test_auroc_counts_ties_half() -> None:
    truth = np.array([True, False, True, False])
    assert auroc(truth, np.array([0.9, 0.1, 0.5, 0.5])) == pytest.approx(3.5 / 4)


def test_auroc_of_a_fixed_answer_is_a_half() -> None:
    assert auroc(np.array([True, False, False]), np.zeros(3)) == 0.5


def test_auroc_without_positives_is_no_number() -> None:
    assert np.isnan(auroc(np.zeros(4, dtype=bool), np.arange(4.0)))


@given(hnp.arrays(bool, 20), hnp.arrays(np.int64, 20, elements=st.integers(0, 8)))
def test_auroc_turns_round_with_the_score(truth: np.ndarray, score: np.ndarray) -> None:
    if truth.all() or not truth.any():
        return
    assert auroc(truth, score.astype(float)) == pytest.approx(1 - auroc(truth, -score.astype(float)))


def test_auroc_equals_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="needs lucidray[train]")
    rng = np.random.default_rng(0)
    truth, score = rng.random(300) < 0.1, rng.integers(0, 40, 300) / 40
    assert auroc(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score))


def test_calibration_error_of_frequencies_is_zero() -> None:
    truth = np.tile([True, False, False, False], 25)
    assert expected_calibration_error(truth, np.full(100, 0.25)) == pytest.approx(0.0, abs=0.07)
    ordered = np.sort(np.repeat([False, True], 50))
    assert expected_calibration_error(ordered, ordered.astype(float)) == 0.0


def test_calibration_error_of_certainty_that_is_wrong_is_one() -> None:
    truth = np.repeat([False, True], 50)
    assert expected_calibration_error(truth, 1.0 - truth) == 1.0


def test_calibration_error_needs_films() -> None:
    with pytest.raises(ValueError, match="no films"):
        expected_calibration_error(np.zeros(0, dtype=bool), np.zeros(0))


def test_sensitivity_and_specificity() -> None:
    truth, called = np.array([True, True, False, False]), np.array([True, False, False, False])
    assert sensitivity_specificity(truth, called) == (0.5, 1.0)
    assert np.isnan(sensitivity_specificity(truth[:2], called[:2])[1])


def test_resampling_takes_all_films_of_a_patient_or_none() -> None:
    patients = np.array(["a", "b", "a", "c", "c", "c"])
    for rows in resample_patients(patients, 20, seed=1):
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[2]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3


def test_interval_is_wider_where_films_are_of_few_patients() -> None:
    rng = np.random.default_rng(3)
    truth = np.repeat(rng.random(40) < 0.5, 10)
    score = np.repeat(rng.normal(size=40), 10) + truth
    alone = patient_interval(auroc, truth, score, np.arange(400).astype(str), times=300)
    grouped = patient_interval(auroc, truth, score, np.repeat(np.arange(40), 10).astype(str), times=300)
    assert alone.value == grouped.value
    assert alone.n == 400
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
    assert grouped.low <= grouped.value <= grouped.high


def test_interval_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="no value"):
        patient_interval(auroc, np.ones(3, dtype=bool), np.arange(3.0), np.array(["a", "b", "c"]))
