import numpy as np
import pytest

from lucidray.models import occlusion


def film(hot: tuple[int, int]) -> np.ndarray:
    pixels = np.full((1, 2, 64, 96), 0.1, np.float32)
    pixels[:, :, hot[0] - 5 : hot[0] + 5, hot[1] - 5 : hot[1] + 5] = 1.0
    return pixels


def brightest(films: np.ndarray) -> np.ndarray:
    """Two scores: how bright the brightest places are, and how dark."""
    top = np.sort(films[:, 0].reshape(len(films), -1), axis=1)[:, -60:].mean(axis=1)
    return np.stack([8 * top, -8 * top], axis=1)


@pytest.mark.parametrize("hot", [(10, 12), (10, 84), (54, 12), (54, 84)])
def test_the_place_that_carries_the_score_is_the_hottest(hot: tuple[int, int]) -> None:
    maps = occlusion.maps(film(hot), brightest, 4)
    assert maps.shape == (2, 4, 4)
    row, column = np.unravel_index(int(maps[0].argmax()), (4, 4))
    assert (row, column) == (hot[0] * 4 // 64, hot[1] * 4 // 96)
    assert maps[0].max() > 0.5


def test_what_speaks_against_a_finding_is_not_shown_for_it() -> None:
    assert occlusion.maps(film((10, 12)), brightest, 4)[1].max() < 0.05


def test_a_score_that_looks_nowhere_has_a_map_of_nothing() -> None:
    maps = occlusion.maps(film((10, 12)), lambda films: np.ones((len(films), 3)), 5)
    assert maps.shape == (3, 5, 5)
    assert not maps.any()


def test_the_value_is_the_share_of_the_odds_that_is_lost() -> None:
    """A score that counts hot pixels loses all of them with the piece that holds them."""
    pixels = film((8, 8))
    maps = occlusion.maps(pixels, lambda films: (films[:, 0] > 0.9).sum(axis=(1, 2))[:, None] / 100, 4)
    assert maps[0, 0, 0] == pytest.approx(1 - np.exp(-1), abs=0.02)


def test_the_film_is_not_changed() -> None:
    pixels = film((20, 20))
    before = pixels.copy()
    occlusion.maps(pixels, brightest, 4)
    assert np.array_equal(pixels, before)
