"""What a mined label is worth: how probable a finding is, given the film's report and those of its neighbours.

A report that does not mention a finding is weaker evidence against it where the reports before and after both name it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lucidray.training.films import Films

SENSITIVITY = 0.8  # share of films with a finding whose mined label says so
POSITIVE_PREDICTIVE_VALUE = 0.9  # Wang et al., CVPR 2017: about one mined label in ten is wrong
_LOWEST, _HIGHEST = 0.005, 0.97  # nothing is certain
_PRIOR_FILMS = 20.0  # weight, in films, of the overall rate where a pattern of neighbours is rare


class Visit(Protocol):
    """A film of a patient, in the order of the patient's films."""

    @property
    def patient(self) -> str:
        """The patient's id."""

    @property
    def follow_up(self) -> int:
        """Place of the film among those of its patient."""


def posterior(visits: Sequence[Visit], mined: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Probability that each finding is there.

    Parameters
    ----------
    visits : sequence of Visit
        Training films only.
    mined : (N, K) float32
        1 where the report names the finding.

    Returns
    -------
    (N, K) float32 in (0, 1)
        By Bayes' rule: the prior comes from the mined labels of the films just before and after of the same patient
        (by the pattern: none, one, both of them positive), the likelihood from the two constants of this module.
    """
    pattern = _neighbour_pattern(visits, mined)
    overall = (mined.sum(axis=0) + 1) / (len(mined) + 2)
    rate = np.empty_like(mined)
    for value in np.unique(pattern):
        inside = pattern == value
        positive = (mined * inside).sum(axis=0) + _PRIOR_FILMS * overall
        share = positive / (inside.sum(axis=0) + _PRIOR_FILMS)
        rate = np.where(inside, share, rate)
    prior = np.clip(rate / SENSITIVITY, 0.0, _HIGHEST)
    false_positive = (1 - POSITIVE_PREDICTIVE_VALUE) * overall / (1 - np.clip(overall / SENSITIVITY, 0.0, _HIGHEST))
    there = np.where(mined > 0.5, SENSITIVITY, 1 - SENSITIVITY) * prior
    not_there = np.where(mined > 0.5, false_positive, 1 - false_positive) * (1 - prior)
    return np.asarray(np.clip(there / (there + not_there), _LOWEST, _HIGHEST), dtype=np.float32)


def _neighbour_pattern(visits: Sequence[Visit], mined: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """For each film and finding 10 * (number of neighbours) + (positive ones among them)."""
    films_of: dict[str, list[int]] = defaultdict(list)
    for row, visit in enumerate(visits):
        films_of[visit.patient].append(row)
    pattern = np.zeros(mined.shape, dtype=np.int8)
    for rows in films_of.values():
        rows.sort(key=lambda row: visits[row].follow_up)
        for place, row in enumerate(rows):
            near = rows[max(0, place - 1) : place] + rows[place + 1 : place + 2]
            if near:
                pattern[row] = 10 * len(near) + mined[near].sum(axis=0)
    return pattern


def soft_targets(films: Films, train: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Probability that each finding is there, (N, 16), for the training films; the labels as they are for all others.

    Adults' labels were mined and are weighed against the reports of the patient's neighbouring films. Children's, and
    those of films that radiologists read as normal, were read from the film and are only softened a little.
    """
    targets = films.targets.clip(0.02, 0.98)
    mined = np.array([row for row in train if films.rows[row].source.startswith("nih")], dtype=np.int64)
    if len(mined):
        targets[mined] = posterior([films.rows[row] for row in mined], films.targets[mined])
    return targets
