"""Boxes against maps: the better region counts, strong films keep tight regions, and baselines see no film."""

import numpy as np
import pytest

from lucidray.domain.box import Box
from lucidray.training.findings_pointing import Boxed, choose_cut, pointing_figures, region_cut


def boxed(place: tuple[int, int], box: Box, split: str = "test", height: float = 1.0, row: int = 0) -> Boxed:
    maps = np.zeros((2, 8, 8), dtype=np.float32)
    maps[1][place] = height
    return Boxed(box, maps, row, "Lung Opacity", "RSNA 2018", split)


def test_the_better_of_two_regions_counts() -> None:
    one = boxed((0, 0), Box(0.875, 0.875, 1.0, 1.0))
    one.maps[0, 7, 7] = 1.0
    assert one.best_overlap(0.5, 0.5) == pytest.approx(1.0)
    assert one.best_overlap(1.5, 0.5) == 0.0


def test_a_strong_film_is_cut_higher() -> None:
    weak, strong = np.full((4, 4), 0.6), np.full((4, 4), 2.0)
    assert region_cut(weak, 0.5, 0.5) == 0.5
    assert region_cut(strong, 0.5, 0.5) == 1.0


def test_the_cut_that_fits_the_boxes_is_chosen() -> None:
    one = boxed((2, 2), Box(0.25, 0.25, 0.375, 0.375), "train", height=0.7)
    one.maps[1][one.maps[1] == 0] = 0.3
    cut = choose_cut([one])
    assert cut["mean_overlap"] == pytest.approx(1.0, abs=1e-3)
    assert one.best_overlap(cut["value"], cut["part_of_peak"]) == pytest.approx(1.0)
    assert cut["boxes"] == 1


def test_rates_and_baselines() -> None:
    usual = Box(0.0, 0.0, 0.25, 0.25)
    learn = [boxed((0, 0), usual, "train") for _ in range(3)]
    test = [boxed((0, 0), usual, row=row) for row in range(4)] + [boxed((7, 7), Box(0.0, 0.5, 0.25, 0.75), row=4)]
    figures = pointing_figures([*learn, *test], 0.5, 0.5)["all"]
    assert figures["pointing_game"]["value"] == 0.8
    assert figures["pointing_game"]["n"] == 5
    assert figures["pointing_game_usual_place"]["value"] == 0.8
    assert figures["pointing_game_random"] == pytest.approx(1 / 16)
    assert figures["overlap_over_0.1"]["value"] == 0.8
    assert 0 < figures["overlap_over_0.1_random"] < 0.3
    assert pointing_figures(learn, 0.5, 0.5) == {}


def test_a_film_with_two_boxes_is_asked_for_one_place() -> None:
    usual = Box(0.0, 0.0, 0.25, 0.25)
    other = Box(0.5, 0.5, 0.75, 0.75)
    test = [boxed((0, 0), box, row=row) for row in range(3) for box in (usual, other)]
    figures = pointing_figures([boxed((0, 0), usual, "train"), *test], 0.5, 0.5)["all"]
    assert figures["pointing_game"] == figures["pointing_game"] | {"value": 1.0, "n": 3}
    assert figures["overlap_over_0.1"] == figures["overlap_over_0.1"] | {"value": 0.5, "n": 6}
