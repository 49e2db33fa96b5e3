"""Who goes where: films are split by patient, by a hash that is the same on every machine and for ever.

Three rules, in this order. A patient is in one split only. Where a person corrected a model, the film trains and never
measures. A collection's own split is taken where it is asked for; where it puts one patient into two splits, the films
outside the stricter one are left out, for moving them would change what others have measured on.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from lucidray.datasets.manifest import Split

TEST_SHARE, VALIDATION_SHARE = 0.20, 0.12
_STRICTEST: tuple[Split, ...] = ("test", "validation", "train")
IN_TWO_SPLITS = "the collection's own split has the patient in a stricter split"
NOT_LISTED = "not in the collection's own split"
MEASURES = "model_assisted, and its patient is not in the training split"


class Claimant(NamedTuple):
    """A film that wants a split: its patient, what the collection says, and whether it was model_assisted."""

    patient: str
    official: Split | None
    model_assisted: bool


def split_of(patient: str, *, test: float = TEST_SHARE, validation: float = VALIDATION_SHARE) -> Split:
    """Where a patient's films go: decided by a hash of the patient's id, the same on every machine and for ever."""
    place = int(hashlib.sha256(patient.encode()).hexdigest()[:8], 16) / 2**32
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def assign(
    films: Sequence[Claimant],
    *,
    official: bool = False,
    test: float = TEST_SHARE,
    validation: float = VALIDATION_SHARE,
) -> list[Split | str]:
    """Give each film its split, or in words why it has none.

    Parameters
    ----------
    films : sequence of Claimant
    official : bool
        Take the collection's own split; films that it does not name are left out.
    test, validation : float in [0, 1)
        Shares of the patients.

    Returns
    -------
    list of Split or str
        A reason to leave the film out is any text that is no split.
    """
    by_patient: dict[str, list[Claimant]] = defaultdict(list)
    for film in films:
        by_patient[film.patient].append(film)
    chosen: dict[str, Split] = {}
    for patient, theirs in by_patient.items():
        if official:
            named = {film.official for film in theirs}
            chosen[patient] = next((split for split in _STRICTEST if split in named), "train")
        elif any(film.model_assisted for film in theirs):
            chosen[patient] = "train"
        else:
            chosen[patient] = split_of(patient, test=test, validation=validation)
    found: list[Split | str] = []
    for film in films:
        split = chosen[film.patient]
        if official and film.official is None:
            found.append(NOT_LISTED)
        elif official and film.official != split:
            found.append(IN_TWO_SPLITS)
        elif film.model_assisted and split != "train":
            found.append(MEASURES)
        else:
            found.append(split)
    return found
