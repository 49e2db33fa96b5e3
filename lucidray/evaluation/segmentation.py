"""How well masks fit, and how far the cardiothoracic ratio drawn from them is off; every figure with its interval."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucidray.domain.mask import extent

Mask = npt.NDArray[np.bool_]
_RESAMPLES = 2000
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval and the number of films behind it."""

    value: float
    low: float
    high: float
    n: int


def dice(mask: Mask, truth: Mask) -> float:
    """Overlap of two masks, twice the shared pixels over the sum of both.

    Parameters
    ----------
    mask : (h, w) bool
        What was found.
    truth : (h, w) bool
        What was drawn.

    Returns
    -------
    float in [0, 1]; 1 where both are empty.

    References
    ----------
    Dice, Ecology 26 (1945) 297.
    """
    total = int(mask.sum()) + int(truth.sum())
    return 1.0 if total == 0 else 2 * int((mask & truth).sum()) / total


def cardiothoracic_ratio(heart: Mask, lungs: Mask) -> float | None:
    """Greatest width of the heart over the inner width of the thorax.

    The heart reaches furthest to the right and to the left at different heights; both reaches are measured from the
    same vertical line, so their sum is the width of the heart's box, wherever that line stands. The inner width of the
    thorax is the width of the box around both lungs.

    Parameters
    ----------
    heart : (h, w) bool
        Mask on a grid whose columns are equally wide.
    lungs : (h, w) bool
        Both lungs, on the same grid.

    Returns
    -------
    float, or None where the heart or the lungs are missing.

    References
    ----------
    Danzer, American Journal of the Medical Sciences 157 (1919) 513.
    """
    heart_box, lungs_box = extent(heart), extent(lungs)
    if heart_box is None or lungs_box is None:
        return None
    return (heart_box.x1 - heart_box.x0) / (lungs_box.x1 - lungs_box.x0)


def bootstrap(
    values: Sequence[float],
    statistic: Callable[..., npt.NDArray[np.float64]] = np.mean,
    seed: int = 0,
) -> Estimate:
    """Estimate a statistic of independent films, with a percentile interval from resampled films.

    Parameters
    ----------
    values : sequence of float
        One value a film.
    statistic : callable
        Takes an array and `axis`: `numpy.mean`, `numpy.median`.
    seed : int
        The same seed gives the same interval.

    Raises
    ------
    ValueError
        No values.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        raise ValueError("no films to estimate from")
    drawn = np.random.default_rng(seed).integers(0, data.size, (_RESAMPLES, data.size))
    low, high = np.percentile(statistic(data[drawn], axis=1), (2.5, 97.5))
    return Estimate(float(statistic(data, axis=0)), float(low), float(high), data.size)


def share(hits: int, n: int) -> Estimate:
    """Estimate a rate with Wilson's interval, which stays honest where all or none of a few films hit.

    Parameters
    ----------
    hits, n : int
        0 <= hits <= n.

    Raises
    ------
    ValueError
        `n` < 1 or `hits` outside [0, n].

    References
    ----------
    Wilson, Journal of the American Statistical Association 22 (1927) 209.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no rate")
    rate = hits / n
    return Estimate(rate, *wilson(rate, n), n)


def wilson(rate: float, n: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval of a rate in [0, 1] over `n` >= 1 independent films (Wilson 1927)."""
    z2 = _Z95**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
