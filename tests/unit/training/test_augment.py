"""Varied films keep their sides, their range and their dependence on the seed alone."""

import numpy as np
import pytest

from lucidray.models.prepare import square
from lucidray.training.augment import augment


def film_with_marker(side: int) -> np.ndarray:
    """A smooth film with a bright marker in its upper left as seen, and nothing else that tells left from right."""
    ramp = np.linspace(30, 120, side, dtype=np.float32)[:, None].repeat(side, axis=1)
    ramp[int(0.2 * side) : int(0.35 * side), int(0.18 * side) : int(0.32 * side)] = 250
    return ramp.astype(np.uint8)


@pytest.mark.parametrize("side", [128, 224, 512])
def test_mirrors_only_when_asked(side: int) -> None:
    pixels = film_with_marker(side)
    for seed in range(60):
        film, _ = augment(pixels, 96, np.random.default_rng(seed))
        upper = film[:48]
        assert upper[:, :48].max() > upper[:, 48:].max() + 0.2, f"seed {seed}"


def test_masks_go_where_the_film_goes() -> None:
    pixels = np.full((128, 128), 20, dtype=np.uint8)
    pixels[24:44, 20:40] = 250
    masks = (pixels > 100).astype(np.uint8)[None] * 255
    for seed in range(40):
        rng = np.random.default_rng(seed)
        film, moved = augment(pixels, 128, rng, mirror_share=0.5, masks=masks, mask_size=128)
        bright = film > 0.6
        overlap = (bright & (moved[0] > 0.5)).sum() / max(1, (bright | (moved[0] > 0.5)).sum())
        assert overlap > 0.8, f"seed {seed}"


@pytest.mark.parametrize("side", [64, 128, 512])
def test_range_type_and_size(side: int) -> None:
    pixels = film_with_marker(side)
    for seed in range(30):
        film, _ = augment(pixels, 96, np.random.default_rng(seed))
        assert film.shape == (96, 96)
        assert film.dtype == np.float32
        assert film.min() >= 0.0
        assert film.max() <= 1.0


def test_the_seed_decides() -> None:
    pixels = film_with_marker(128)
    one, again, other = (augment(pixels, 64, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_film_of_one_grey_value_is_black() -> None:
    film, _ = augment(np.full((128, 128), 77, dtype=np.uint8), 64, np.random.default_rng(5))
    assert np.isfinite(film).all()
    assert film.mean() < 0.1


def test_variations_stay_near_what_inference_sees() -> None:
    pixels = film_with_marker(128)
    plain = square(pixels.astype(np.float32) / 255, 64)
    mean = np.mean([augment(pixels, 64, np.random.default_rng(seed))[0] for seed in range(80)], axis=0)
    assert np.corrcoef(plain.ravel(), mean.ravel())[0, 1] > 0.85


def test_coarse_share_takes_detail_from_fine_films() -> None:
    stripes = np.tile(np.repeat(np.array([0, 255], dtype=np.uint8), 3), (510, 85))

    def detail(share: float) -> float:
        films = [augment(stripes, 224, np.random.default_rng(seed), coarse_share=share)[0] for seed in range(30)]
        return float(np.mean([np.abs(np.diff(film, axis=1)).mean() for film in films]))

    assert detail(0.0) > 1.4 * detail(1.0)
