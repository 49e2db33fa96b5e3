"""Weights of PyTorch networks: read as numbers alone, and taken only where every name and shape is the network's."""

from collections.abc import Mapping
from pathlib import Path

import torch

from lucidray.domain.errors import ModelError


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a `.safetensors` file, or a PyTorch file of tensors; nothing that is pickled is executed.

    A checkpoint that keeps its weights under `state_dict` is understood.

    Raises
    ------
    ModelError
        The file is damaged, or holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415

            return dict(load_file(path, device="cpu"))
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever its bytes happen to ask for
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} cannot be read as weights: {reason}") from error
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise ModelError(f"{path} holds no weights: a mapping of names to tensors is needed")
    return dict(loaded)


def fill(network: torch.nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Give a network its weights.

    Raises
    ------
    ModelError
        A weight is missing, is one too many, or is of another shape.
    """
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[1] if len(lines) > 1 else lines[0]
        raise ModelError(f"{path} does not fit the network: {reason[:300]}") from error
