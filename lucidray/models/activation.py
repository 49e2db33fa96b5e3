"""Exact class activation maps: where a logit is a linear function of mean features, its map says where it came from.

References
----------
Zhou et al., CVPR (2016)
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import ModelError

# Of the largest logit: single precision sums some thousand terms in another order.
_TOLERANCE = 2e-3
_SATURATED = 12.0  # logits
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Linear:
    """The last layer of a network that pools by the mean.

    Attributes
    ----------
    weight : (K, C) float32
    bias : (K,) float32
    """

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `weight` and `bias` from an .npz file; nothing that is pickled is executed.

        Raises
        ------
        ModelError
            The file does not hold the two.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                weight, bias = (np.asarray(arrays[name], dtype=np.float32) for name in ("weight", "bias"))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} does not hold the arrays weight and bias: {type(error).__name__}") from error
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ModelError(f"{path}: weight is (K, C) and bias (K); found {weight.shape} and {bias.shape}")
        return cls(weight, bias)

    def maps(self, features: Floats, logits: Floats, name: str) -> Floats:
        """Return the map of each logit, whose mean over places is the logit.

        Parameters
        ----------
        features : (1, C, h, w) float
            What the network pools.
        logits : (1, K) float
            What the network answered.
        name : str
            What to call the model in an error.

        Returns
        -------
        (K, h, w) float, in logits

        Raises
        ------
        ModelError
            The maps do not explain the logits: these features or this layer are not the network's.
        """
        features = np.asarray(features)
        if features.ndim != 4 or features.shape[:2] != (1, self.weight.shape[1]) or logits.shape[1] != len(self.bias):
            raise ModelError(f"{name}: features of {features.shape} do not fit a layer of {self.weight.shape}")
        maps: Floats = np.einsum("kc,chw->khw", self.weight, features[0]) + self.bias[:, None, None]
        # Where a probability was rounded to 0 or 1, its logit is not known.
        known = np.abs(logits[0]) < _SATURATED
        worst = float(np.abs(maps.mean(axis=(1, 2)) - logits[0])[known].max(initial=0.0))
        if not worst <= _TOLERANCE * max(1.0, float(np.abs(maps).max())):
            raise ModelError(f"{name}: the activation maps do not add up to the scores (off by {worst:.3g} logits)")
        return maps
