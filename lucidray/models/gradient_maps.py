"""Grad-CAM, by the library grad-cam: where a score comes from, to first order, for networks whose map is not exact.

The weight of a feature is the mean of the score's gradient over places. Kept are the values before Grad-CAM's cut at 0,
times the number of places and moved so that their mean is the score: on that scale a network that pools by the mean has
its exact map (and a test holds that), and other networks have an approximation of one.

References
----------
Selvaraju et al., ICCV (2017), equations 1 and 2; Gildenblat, grad-cam (MIT)
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from lucidray.domain.errors import ModelError

Floats = npt.NDArray[np.floating]
_NOTHING = 1e-12


class _Head(torch.nn.Module):
    """What a network makes of its last features; `seen` is where the library listens."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.seen = torch.nn.Identity()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network.forward_head(self.seen(features))
        return logits


class GradientMaps:
    """Grad-CAM of one network of timm.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode; with `forward_features` and `forward_head`.
    film : (1, C, H, W) float32
        Any film of the right size, to try the network with.
    name : str
        What to call it in an error.

    Raises
    ------
    ModelError
        Its last features lie on no grid, or no score depends on them place by place: there is nothing to show.
    """

    def __init__(self, network: Any, film: torch.Tensor, name: str) -> None:
        self._network, self._head, self._name = network, _Head(network).eval(), name
        logits, maps = self.maps(film)
        spread = float(np.ptp(maps, axis=(1, 2)).max()) if maps.size else 0.0
        if not np.isfinite(maps).all() or spread <= _NOTHING * max(1.0, float(np.abs(logits).max())):
            raise ModelError(
                f"{name}: no score changes with what its last features hold at a place, so no heatmap by Grad-CAM;"
                " occlusion works with any network"
            )

    def maps(self, film: torch.Tensor, outputs: Sequence[int] | None = None) -> tuple[Floats, Floats]:
        """Look at a film.

        Parameters
        ----------
        film : (1, C, H, W) float32
        outputs : sequence of int, optional
            Those that maps are wanted of; all by default. The others' maps are 0.

        Returns
        -------
        logits : (1, K) float
        maps : (K, h, w) float, in logits
        """
        with torch.no_grad():
            features = self._network.forward_features(film)
        grid = self._grid(features)
        seen = features.detach().clone().requires_grad_(True)
        logits: Floats = self._head(seen).detach().float().cpu().numpy()
        height, width = grid(seen).shape[2:]
        maps = np.zeros((logits.shape[1], height, width), dtype=np.float64)
        with GradCAM(model=self._head, target_layers=[self._head.seen], reshape_transform=grid) as cam:
            for number in range(logits.shape[1]) if outputs is None else outputs:
                targets = [ClassifierOutputTarget(number)]
                answer = cam.activations_and_grads(seen)
                self._head.zero_grad(set_to_none=True)
                chosen: Any = torch.stack([target(line) for target, line in zip(targets, answer, strict=True)])
                chosen.sum().backward()
                activations, gradients = (
                    part[0].cpu().data.numpy()
                    for part in (cam.activations_and_grads.activations, cam.activations_and_grads.gradients)
                )
                weighted = cam.get_cam_image(seen, self._head.seen, targets, activations, gradients)[0]
                places = weighted.astype(np.float64) * (height * width)
                maps[number] = places + (float(logits[0, number]) - places.mean())
        return logits, maps

    def _grid(self, features: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return how features are brought to (N, C, h, w)."""
        if features.ndim == 4:
            width = getattr(self._network, "num_features", None)
            channels_last = features.shape[-1] == width and features.shape[1] != width
            return _channels_first if channels_last else _as_it_is
        prefix = int(getattr(self._network, "num_prefix_tokens", 0))
        size = getattr(getattr(self._network, "patch_embed", None), "grid_size", None)
        if features.ndim != 3 or size is None or size[0] * size[1] != features.shape[1] - prefix:
            raise ModelError(f"{self._name}: its last features lie on no grid, so no heatmap by Grad-CAM")

        def without_prefix(tokens: torch.Tensor) -> torch.Tensor:
            places = tokens[:, prefix:]
            return places.transpose(1, 2).reshape(places.shape[0], places.shape[2], size[0], size[1])

        return without_prefix


def _as_it_is(features: torch.Tensor) -> torch.Tensor:
    return features


def _channels_first(features: torch.Tensor) -> torch.Tensor:
    return features.permute(0, 3, 1, 2)
