"""A network of timm with a new head, and where its evidence lies."""

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from lucidray.domain.errors import ModelError, UsageError
from lucidray.models.preparation import Preparation
from lucidray.models.torch_weights import read_weights

CHANNELS = 3  # a grey film in each: pretrained networks have three
_EXACT = 1e-3  # of the largest logit


def known(backbone: str) -> str:
    """Return a network's name without the tag of its weights.

    Raises
    ------
    UsageError
        timm has no such network.
    """
    name = backbone.partition(".")[0]
    if name not in timm.list_models():
        close = get_close_matches(name, timm.list_models(), 3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"timm {timm.__version__} has no network {backbone!r}{hint}")
    return name


def preparation_of(backbone: str, size: int | None) -> Preparation:
    """Return what a network is to see: stretched to its size, as all films here are, with its own mean and spread."""
    known(backbone)
    config = timm.get_pretrained_cfg(backbone, allow_unregistered=True)
    side = size or (config.input_size[-1] if config is not None else 224)
    mean, std = (config.mean, config.std) if config is not None else ((0.5,) * 3, (0.25,) * 3)
    return Preparation((side, side), CHANNELS, mean=tuple(map(float, mean)), std=tuple(map(float, std)))


def build(
    backbone: str, weights: str, outputs: int, size: int, dropout: float, say: Callable[[str], None] = lambda _: None
) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    backbone : str
    weights : str
        `imagenet`: what timm fetches, or has fetched before; `none`: random numbers; else a file, whose last layer may
        be of another size: then the head is new, which is said.
    outputs : int
    size : int
        Side of the films.
    dropout : float
        Before the last layer.
    say : callable
        Told where the weights come from.

    Raises
    ------
    UsageError
        There is no such network, or it cannot see films of this size.
    ModelError
        The weights cannot be had, or do not fit.
    """
    name = known(backbone)
    options: dict[str, Any] = {"num_classes": outputs, "in_chans": CHANNELS, "drop_rate": dropout}
    config = timm.get_pretrained_cfg(backbone, allow_unregistered=True)
    if config is not None and config.fixed_input_size and config.input_size[-1] != size:
        options["img_size"] = size
    if weights == "imagenet":
        return _pretrained(backbone, options, say)
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, **options)
    except Exception as error:  # networks raise whatever they like about a size that they cannot see
        raise UsageError(f"{name} cannot be built for films of {size} pixels: {_reason(error)}") from error
    if weights == "none":
        say(f"{name} begins with random weights")
        return network
    _fill(network, Path(weights), say)
    return network


def set_priors(network: nn.Module, prevalence: np.ndarray[Any, Any]) -> None:
    """Start each output at its prevalence, (K,) in (0, 1), where the last layer has a bias."""
    last = head_of(network)
    if isinstance(last, nn.Linear) and last.bias is not None:
        odds = torch.from_numpy(np.log(prevalence) - np.log1p(-prevalence)).to(last.bias)
        with torch.no_grad():
            last.bias.copy_(odds)


def head_of(network: Any) -> nn.Module | None:
    """Return the last layer; None where a network has several."""
    last = network.get_classifier()
    return last if isinstance(last, nn.Module) else None


class Explained(nn.Module):
    """A network that answers logits, (N, K), and the maps whose means they are, (N, K, h, w).

    Only for networks whose head is linear over the mean of the last features; see `is_exact`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, film: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take (N, C, S, S) films."""
        features = self.network.forward_features(film)
        last = self.network.get_classifier()
        maps = nn.functional.conv2d(features, last.weight[:, :, None, None], last.bias)
        return maps.mean((2, 3)), maps


def is_exact(network: nn.Module, size: int) -> bool:
    """Whether the maps of a network are its logits: tried out, on a film of noise, not read off its name."""
    last = head_of(network)
    if not isinstance(last, nn.Linear) or last.bias is None:
        return False
    whole: Any = network
    film = torch.rand(1, CHANNELS, size, size, generator=torch.Generator().manual_seed(0))
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        features = whole.forward_features(film.to(device))
        fits = features.ndim == 4 and features.shape[1] == last.in_features
        exact = False
        if fits:
            logits, (pooled, maps) = whole.forward_head(features), Explained(network)(film.to(device))
            tolerance = _EXACT * max(1.0, float(maps.abs().max()))
            exact = float((pooled - logits).abs().max()) <= tolerance
    network.train(was_training)
    return exact


def _pretrained(backbone: str, options: dict[str, Any], say: Callable[[str], None]) -> nn.Module:
    config = timm.get_pretrained_cfg(backbone, allow_unregistered=True)
    if config is None or not config.has_weights:
        raise ModelError(
            f"timm has no ImageNet weights of {backbone}: name a file with --weights FILE, or begin with random"
            " weights by --weights none"
        )
    try:
        network: nn.Module = timm.create_model(backbone, pretrained=True, **options)
    except Exception as error:  # the hub's client raises a dozen unrelated classes of its own
        raise ModelError(
            f"ImageNet weights of {backbone} cannot be had ({_reason(error)}): timm fetches them from its hub once."
            " Fetch them where there is a network, name a file with --weights FILE, or begin with random weights by"
            " --weights none"
        ) from error
    say(f"{backbone} begins with timm's weights {config.tag or 'of its own'}")
    return network


def _fill(network: nn.Module, path: Path, say: Callable[[str], None]) -> None:
    if not path.is_file():
        raise UsageError(f"--weights {path}: there is no such file; imagenet and none are the other choices")
    given, own = read_weights(path), network.state_dict()
    last = head_of(network)
    prefix = next((f"{name}." for name, module in network.named_modules() if module is last), None)
    head = {name for name in own if prefix is not None and name.startswith(prefix)}
    new = sorted(name for name in head if name not in given or given[name].shape != own[name].shape)
    wrong = [name for name in own if name not in head and (name not in given or given[name].shape != own[name].shape)]
    extra = [name for name in given if name not in own]
    if wrong or extra:
        raise ModelError(
            f"{path} does not fit the network: {len(wrong)} weights missing or of another shape"
            f" ({', '.join(wrong[:3])}), {len(extra)} too many ({', '.join(extra[:3])})"
        )
    network.load_state_dict({name: own[name] if name in new else given[name] for name in own})
    say(f"weights of {path.name}" + (f"; its head does not fit and begins anew: {', '.join(new)}" if new else ""))


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
