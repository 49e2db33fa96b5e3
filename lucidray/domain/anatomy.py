"""What the anatomy network says of a film: where the organs are, and what kind of image this is."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from lucidray.domain.mask import largest

Organ = Literal["right_lung", "left_lung", "heart", "right_clavicle", "left_clavicle"]
ORGANS: tuple[Organ, ...] = get_args(Organ)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Organs on a film.

    Attributes
    ----------
    masks : (5, h, w) bool
        One mask an organ, in the order of `ORGANS`, over the whole film stretched to (h, w). `right_lung` is the lung
        on the image's left: the patient's right on an upright, unmirrored film.
    """

    masks: npt.NDArray[np.bool_]

    def mask(self, organ: Organ) -> npt.NDArray[np.bool_]:
        """Return the (h, w) mask of one organ."""
        mask: npt.NDArray[np.bool_] = self.masks[ORGANS.index(organ)]
        return mask

    def piece(self, organ: Organ) -> npt.NDArray[np.bool_]:
        """Return the largest piece of an organ's mask, as (h, w) bool; found once, since gate and sides both ask."""
        if organ not in self._pieces:
            self._pieces[organ] = largest(self.mask(organ))
        return self._pieces[organ]

    @cached_property
    def _pieces(self) -> dict[Organ, npt.NDArray[np.bool_]]:
        return {}


@dataclass(frozen=True)
class Appearance:
    """What kind of image this is; every value is a probability in [0, 1].

    Attributes
    ----------
    frontal, lateral, not_chest : float
        Sum to 1.
    turn : (4,) floats
        That the film has been turned by 0, 1, 2, 3 counter-clockwise quarter turns (as by `numpy.rot90`); sum to 1.
    inverted : float
        That bright and dark are exchanged.
    mirrored : float
        That left and right are exchanged.
    """

    frontal: float
    lateral: float
    not_chest: float
    turn: tuple[float, float, float, float]
    inverted: float
    mirrored: float
