"""Calibration finds what logits are worth, and says how sure it is."""

import numpy as np
import pytest

from lucidray.evaluation.calibration import Platt, counting_threshold, fit_platt, resampled_platt, shared_slope
from lucidray.evaluation.measures import expected_calibration_error


def drawn(a: float, b: float, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and truths drawn from sigmoid(a * logit + b)."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1.0, 1.5, n)
    return logit, rng.random(n) < Platt(a, b).probability(logit)


def test_fit_finds_the_truth_behind_many_films() -> None:
    logit, truth = drawn(0.6, -1.0, 20_000)
    platt = fit_platt(logit, truth, shared_slope=1.0)
    assert platt.a == pytest.approx(0.6, abs=0.05)
    assert platt.b == pytest.approx(-1.0, abs=0.08)
    assert expected_calibration_error(truth, platt.probability(logit)) < 0.015


def test_fit_equals_scikit_learn_where_the_prior_is_nothing() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="needs lucidray[train]")
    logit, truth = drawn(1.0, 0.5, 50_000)
    wanted = linear_model.LogisticRegression(C=1e6).fit(logit[:, None], truth)
    platt = fit_platt(logit, truth, shared_slope=1.0)
    assert platt.a == pytest.approx(wanted.coef_[0, 0], abs=5e-3)
    assert platt.b == pytest.approx(wanted.intercept_[0], abs=5e-3)


def test_few_positives_keep_the_shared_slope() -> None:
    logit, _ = drawn(1.0, 0.0, 300)
    truth = np.zeros(300, dtype=bool)
    truth[np.argsort(logit)[:2]] = True  # the two films with the lowest logits: a slope of its own would be negative
    assert fit_platt(logit, truth, shared_slope=0.8).a > 0.3


def test_one_class_and_separation_stay_finite() -> None:
    logit = np.linspace(-3, 3, 40)
    for truth in (np.zeros(40, dtype=bool), np.ones(40, dtype=bool), logit > 0):
        platt = fit_platt(logit, truth, shared_slope=1.0)
        assert np.isfinite([platt.a, platt.b]).all()
        assert ((platt.probability(logit) > 0) & (platt.probability(logit) < 1)).all()


def test_fit_refuses_nothing_to_fit() -> None:
    with pytest.raises(ValueError, match="needs films"):
        fit_platt(np.zeros(0), np.zeros(0, dtype=bool), shared_slope=1.0)
    with pytest.raises(ValueError, match="positive shared slope"):
        fit_platt(np.zeros(3), np.zeros(3, dtype=bool), shared_slope=0.0)


def test_shared_slope_lets_each_output_have_its_own_prevalence() -> None:
    rare, common = drawn(0.7, -3.0, 20_000), drawn(0.7, 1.0, 20_000, seed=1)
    slope = shared_slope([rare[0], common[0]], [rare[1], common[1]])
    assert slope == pytest.approx(0.7, abs=0.04)


def test_shared_slope_never_turns_probabilities_round() -> None:
    logit, truth = drawn(1.0, 0.0, 2000)
    assert shared_slope([-logit], [truth]) > 0


def test_another_prevalence_moves_the_mean_there() -> None:
    logit, truth = drawn(1.0, 0.0, 40_000)
    platt = fit_platt(logit, truth, shared_slope=1.0)
    moved = platt.at_prevalence(float(truth.mean()), 0.05)
    # Drop positives until they are 5 %, as another hospital would: the moved curve is calibrated there.
    rng = np.random.default_rng(5)
    share = 0.05 / 0.95 * (1 - truth.mean()) / truth.mean()
    kept = ~truth | (rng.random(len(truth)) < share)
    assert moved.probability(logit[kept]).mean() == pytest.approx(0.05, abs=0.005)


def test_resampled_fits_spread_more_with_fewer_films() -> None:
    spreads = []
    for n in (200, 5000):
        logit, truth = drawn(1.0, 0.0, n)
        fits = resampled_platt(logit, truth, np.arange(n).astype(str), shared_slope=1.0, times=50)
        spreads.append(np.std([fit.b for fit in fits]))
    assert len(fits) == 50
    assert spreads[0] > 2 * spreads[1]


def test_threshold_calls_as_many_films_as_have_a_common_finding() -> None:
    assert counting_threshold(np.array([0.01, 0.02, 0.01, 0.97, 0.99]), 0.4) == pytest.approx(0.495)


def test_threshold_calls_twice_as_many_films_as_have_a_rare_finding() -> None:
    probability = np.random.default_rng(3).random(10_000) / 5
    assert (probability >= counting_threshold(probability, 0.03)).mean() == pytest.approx(0.06)


def test_threshold_calls_at_least_one_film_and_at_most_all() -> None:
    probability = np.array([0.1, 0.2, 0.3])
    assert (probability >= counting_threshold(probability, 0.001)).sum() == 1
    assert (probability >= counting_threshold(probability, 1.0)).all()


def test_threshold_needs_films() -> None:
    with pytest.raises(ValueError, match="needs films"):
        counting_threshold(np.array([]), 0.1)
