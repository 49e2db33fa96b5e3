"""Average precision: by hand, and by scikit-learn where the two mean the same."""

import numpy as np
import pytest

from lucidray.domain.box import Box
from lucidray.evaluation.detection import (
    BoxedFilm,
    ScoredBox,
    average_precision,
    best_cut,
    controls,
    matches,
    mean_precision,
)

A, B, FAR = Box(0.1, 0.1, 0.3, 0.3), Box(0.6, 0.6, 0.9, 0.9), Box(0.4, 0.0, 0.5, 0.1)


def test_a_drawn_box_is_found_once_by_the_best_score() -> None:
    found = [ScoredBox("Mass", A, 0.5), ScoredBox("Mass", A, 0.9), ScoredBox("Mass", FAR, 0.7)]
    assert matches([A, B], found, 0.5) == [(0.9, True), (0.7, False), (0.5, False)]
    assert matches([], found[:1], 0.5) == [(0.5, False)]


def test_average_precision_by_hand() -> None:
    # Found, missed, found, of three that there are: precision 1 up to 1/3, 2/3 up to 2/3, then nothing.
    scores, hits = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    assert average_precision(scores, hits, 3) == pytest.approx(1 / 3 + (2 / 3) / 3)
    assert average_precision(scores[::-1], hits[::-1], 3) == pytest.approx(1 / 3 + (2 / 3) / 3)
    assert average_precision(np.zeros(0), np.zeros(0, dtype=bool), 2) == 0.0
    assert np.isnan(average_precision(scores, hits, 0))


def test_equal_scores_are_not_put_in_a_lucky_order() -> None:
    lucky = average_precision(np.array([0.5, 0.5]), np.array([True, False]), 1)
    assert lucky == average_precision(np.array([0.5, 0.5]), np.array([False, True]), 1) == pytest.approx(0.5)


def test_it_is_never_less_than_the_area_without_monotone_precision() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="needs lucidray[evaluate]")
    rng = np.random.default_rng(0)
    for _ in range(20):
        hits, scores = rng.random(30) < 0.4, rng.random(30)
        stepped = metrics.average_precision_score(hits, scores)
        own = average_precision(scores, hits, int(hits.sum()))
        assert stepped - 1e-9 <= own <= 1.0


def test_means_have_intervals_and_findings_that_nobody_drew_none() -> None:
    films = [
        BoxedFilm(
            f"p{n}", (("Mass", A),) if n % 2 else (), (ScoredBox("Mass", A if n % 4 == 1 else FAR, 0.9 - 0.01 * n),)
        )
        for n in range(40)
    ]
    found = mean_precision(films, ("Mass", "Hernia"), resamples=50)
    figure = found["findings"]["Mass"]["ap_over_0.5"]
    assert figure["low"] < figure["value"] < figure["high"]
    assert found["findings"]["Hernia"] == {"n": 0}
    assert found["mean"]["findings"] == ["Mass"]
    assert found["mean"]["ap_over_0.5"]["value"] == figure["value"]


def test_controls_never_look_and_a_perfect_detector_beats_them() -> None:
    rng = np.random.default_rng(1)
    films = []
    for n in range(30):
        x, y = rng.uniform(0, 0.8, 2)
        box = Box(x, y, x + 0.15, y + 0.15)
        films.append(BoxedFilm(f"p{n}", (("Mass", box),), (ScoredBox("Mass", box, 0.9),)))
    references = [("Mass", film.drawn[0][1]) for film in films]
    unseen = controls(films, references)
    assert mean_precision(films, ("Mass",), resamples=10)["mean"]["ap_over_0.5"]["value"] == 1.0
    for others in unseen.values():
        assert mean_precision(others, ("Mass",), resamples=10)["mean"]["ap_over_0.5"]["value"] < 0.3
    assert len(unseen["random_box"][0].found) == 1


def test_the_cut_is_that_of_the_greatest_f1() -> None:
    films = [
        BoxedFilm("a", (("Mass", A),), (ScoredBox("Mass", A, 0.8), ScoredBox("Mass", FAR, 0.3))),
        BoxedFilm("b", (("Mass", B),), (ScoredBox("Mass", B, 0.6), ScoredBox("Mass", FAR, 0.2))),
    ]
    assert best_cut(films, "Mass") == 0.6
    assert best_cut(films, "Hernia") is None
    assert best_cut([BoxedFilm("a", (("Mass", A),), (ScoredBox("Mass", FAR, 0.8),))], "Mass") is None
