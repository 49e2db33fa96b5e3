"""A network of timm, trained by whoever: a folder with its weights and a card."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import timm
import torch

from lucidray.domain.errors import ModelError
from lucidray.domain.prediction import Prediction
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.models import occlusion
from lucidray.models.activation import Linear
from lucidray.models.model_card import ModelCard, checked_hash, inside, read_card
from lucidray.models.torch_device import choose
from lucidray.models.torch_weights import fill, read_weights

Floats = npt.NDArray[np.floating]


class TimmClassifier:
    """`Classifier` on a folder with `card.json` and the weights of a timm network.

    Raises
    ------
    ModelError
        The folder is not whole, or weights and card do not fit the network.
    UsageError
        The device is not there.
    """

    def __init__(self, folder: Path, threads: int = 0, device: str = "auto") -> None:
        card = read_card(folder)
        path = inside(folder, card.file)
        self._device = choose(device, threads)
        self._raw = card.raw_model()
        self._preparation = card.input.preparation()
        sha256 = checked_hash(path, card.sha256)
        self._network: Any = _build(card, path).eval().to(self._device)
        self._used = ModelUsed(
            role="findings", name=card.name, version=card.version, sha256=sha256, device=self._device.type
        )
        self._grid = card.heatmap.grid if card.heatmap is not None and card.heatmap.kind == "occlusion" else None
        self._gradients: Any = None
        self._linear = None
        some = np.random.default_rng(0).random((1, card.input.channels, *card.input.size), dtype=np.float32)
        if card.heatmap is not None and card.heatmap.kind == "grad-cam":
            from lucidray.models.registry import backend_module  # noqa: PLC0415 - the registry opens this module

            maps = backend_module("lucidray.models.gradient_maps", "timm").GradientMaps
            self._gradients = maps(self._network, torch.from_numpy(some).to(self._device), card.name)
        elif card.heatmap is not None and card.heatmap.kind != "occlusion":
            self._linear = _last_layer(self._network, card.name)
            # A film of one grey value would not tell a network that normalises what it pooled.
            self._cam(some)

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash."""
        return self._used

    @property
    def note(self) -> str | None:
        """What the model scores and lucidray leaves out."""
        return self._raw.outputs.note

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings of the card; uncalibrated."""
        seen, frame = self._preparation.apply(film.pixels)
        if self._linear is not None:
            logits, maps = self._cam(seen)
            return self._raw.prediction(film, logits[0], self._raw.shares(maps), frame)
        if self._gradients is not None:
            outputs = list(self._raw.outputs.index.values())
            logits, maps = self._gradients.maps(torch.from_numpy(seen).to(self._device), outputs)
            return self._raw.prediction(film, logits[0], self._raw.shares(maps), frame, kind="grad-cam")
        found = None if self._grid is None else occlusion.maps(seen, self._logits, self._grid)
        return self._raw.prediction(film, self._logits(seen)[0], found, frame)

    def _logits(self, films: npt.NDArray[np.float32]) -> Floats:
        with torch.inference_mode():
            answer: Floats = self._network(torch.from_numpy(films).to(self._device)).float().cpu().numpy()
        return answer

    def _cam(self, film: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return logits (1, K) and exact maps (K, h, w) from one pass."""
        if self._linear is None:
            raise AssertionError("only called where the last layer is known")
        with torch.inference_mode():
            features = self._network.forward_features(torch.from_numpy(film).to(self._device))
            logits: Floats = self._network.forward_head(features).float().cpu().numpy()
        return logits, self._linear.maps(
            features.float().cpu().numpy(), logits, f"{self._used.name} (a heatmap by cam)"
        )


def _build(card: ModelCard, path: Path) -> torch.nn.Module:
    # Only names of this package: a name with a prefix would be looked up on a hub.
    if card.architecture is None or card.architecture not in timm.list_models():
        raise ModelError(f"{card.name}: timm {timm.__version__} has no architecture {card.architecture!r}")
    if card.output.kind != "logits":
        raise ModelError(f"{card.name}: a timm network answers logits, not {card.output.kind}")
    options: dict[str, object] = {}
    base = timm.get_pretrained_cfg(card.architecture, allow_unregistered=True)
    if base is not None and base.fixed_input_size and tuple(base.input_size[1:]) != card.input.size:
        options["img_size"] = card.input.size
    network: torch.nn.Module = timm.create_model(
        card.architecture,
        pretrained=False,
        num_classes=len(card.output.labels),
        in_chans=card.input.channels,
        **options,
    )
    fill(network, read_weights(path), path)
    return network


def _last_layer(network: Any, name: str) -> Linear:
    last = network.get_classifier()
    if not isinstance(last, torch.nn.Linear) or last.bias is None:
        raise ModelError(
            f"{name}: no linear layer after a mean, so no heatmap by cam; occlusion works with any network"
        )
    return Linear(last.weight.detach().float().cpu().numpy(), last.bias.detach().float().cpu().numpy())
