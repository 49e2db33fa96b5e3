"""Intervals from resampled patients, for figures that are made of sums over films; all figures share their draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

Sums = npt.NDArray[np.float64]
Statistic = Callable[[Sums], Sums]
"""Takes sums with any leading axes, gives one value for each; NaN where there is none."""


class Figure(BaseModel):
    """A value with its 95 % interval; `n` counts what is behind it. Null ends: no resample had a value."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, eq=False)
class Measured:
    """A value on the films, and on each resample of them.

    Attributes
    ----------
    value : float
    drawn : (times,) float64
        NaN where a resample has no value.
    n : int
        What is behind it: films, or statements.
    """

    value: float
    drawn: Sums
    n: int

    @property
    def figure(self) -> Figure:
        """The value with the 2.5 and 97.5 percentiles of the resamples."""
        low, high = interval(self.drawn)
        return Figure(value=self.value, low=low, high=high, n=self.n)


class Draws:
    """Resamples of patients with replacement, each with all of their films.

    Parameters
    ----------
    patients : sequence of str
        Whose film each row is; films without a patient are each taken for a patient of their own by the caller.
    times : int
        Number of resamples.
    seed : int
        The same seed gives the same resamples.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13
    """

    def __init__(self, patients: Sequence[str], times: int = 1000, seed: int = 0) -> None:
        names, self._place = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
        self.patients = len(names)
        self.films = len(self._place)
        rng = np.random.default_rng(seed)
        even = np.full(self.patients, 1 / self.patients)
        # How often each patient is drawn: (times, patients).
        self._weights = rng.multinomial(self.patients, even, size=times).astype(np.float64)

    def measure(self, per_film: npt.ArrayLike, statistic: Statistic, n: int | None = None) -> Measured | None:
        """Measure a statistic of sums over films.

        Parameters
        ----------
        per_film : (N, ...) float
            What each film adds to the sums.
        statistic : callable
            Takes the sums.
        n : int, optional
            What is behind the figure; by default the films.

        Returns
        -------
        Measured, or None where the films have no value.
        """
        values = np.asarray(per_film, dtype=np.float64)
        of_patients = np.zeros((self.patients, *values.shape[1:]))
        np.add.at(of_patients, self._place, values)
        value = float(statistic(of_patients.sum(axis=0)))
        if np.isnan(value):
            return None
        flat = self._weights @ of_patients.reshape(self.patients, -1)
        drawn = statistic(flat.reshape(len(flat), *values.shape[1:]))
        return Measured(value, np.asarray(drawn, dtype=np.float64), self.films if n is None else n)


def interval(drawn: Sums) -> tuple[float | None, float | None]:
    """Return the 2.5 and 97.5 percentiles of the draws that have a value."""
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return None, None
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def ratio(sums: Sums) -> Sums:
    """Divide the first of two sums by the second; NaN where the second is 0."""
    return divided(sums[..., 0], sums[..., 1])


def divided(part: Sums, whole: Sums) -> Sums:
    """Divide; NaN where the divisor is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan), dtype=np.float64)
