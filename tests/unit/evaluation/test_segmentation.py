import numpy as np
import pytest

from lucidray.evaluation.segmentation import bootstrap, cardiothoracic_ratio, dice, share


def block(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((20, 40), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def test_dice_counts_shared_pixels_twice() -> None:
    assert dice(block(0, 0, 4, 4), block(2, 0, 6, 4)) == pytest.approx(0.5)
    assert dice(block(0, 0, 4, 4), block(5, 5, 9, 9)) == 0.0
    assert dice(block(0, 0, 0, 0), block(0, 0, 0, 0)) == 1.0


def test_ratio_adds_the_reaches_of_the_heart_at_different_heights() -> None:
    heart = block(12, 5, 18, 8) | block(16, 8, 22, 12)  # widest row is 6 wide, the heart reaches over 10 columns
    lungs = block(4, 2, 12, 15) | block(22, 2, 29, 15)
    assert cardiothoracic_ratio(heart, lungs) == pytest.approx(10 / 25)


def test_ratio_needs_heart_and_lungs() -> None:
    nothing = block(0, 0, 0, 0)
    assert cardiothoracic_ratio(nothing, block(4, 2, 12, 15)) is None
    assert cardiothoracic_ratio(block(4, 2, 12, 15), nothing) is None


def test_bootstrap_interval_holds_the_mean_and_narrows_with_films() -> None:
    rng = np.random.default_rng(1)
    few, many = bootstrap(rng.normal(0.9, 0.1, 20)), bootstrap(rng.normal(0.9, 0.1, 2000))
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 5
    assert many.low == pytest.approx(0.9 - 1.96 * 0.1 / np.sqrt(2000), abs=0.004)
    assert (few.n, many.n) == (20, 2000)


def test_bootstrap_is_repeatable_and_takes_the_median() -> None:
    values = [0.0, 0.0, 0.0, 10.0]
    assert bootstrap(values, np.median) == bootstrap(values, np.median)
    assert bootstrap(values, np.median).value == 0.0
    assert bootstrap(values).value == 2.5


def test_bootstrap_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no films"):
        bootstrap([])


def test_a_perfect_rate_of_a_few_films_is_no_certainty() -> None:
    # Wilson's lower bound for 10 of 10 is 10 / (10 + 1.96 squared).
    assert share(10, 10).low == pytest.approx(10 / (10 + 1.959964**2))
    assert share(10, 10).high == pytest.approx(1.0)
    assert share(0, 10).high == pytest.approx(1 - share(10, 10).low)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_an_impossible_rate_is_an_error(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        share(hits, n)
