"""A trained classifier as folders that `lucidray read` takes: `onnx:FOLDER` without PyTorch, and `timm:FOLDER`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from safetensors.torch import save_file
from torch import nn

from lucidray.domain.errors import ModelError
from lucidray.models.model_card import CARD_NAME, ModelCard, checked_hash
from lucidray.models.preparation import Preparation
from lucidray.models.recalibrated import Population
from lucidray.training import backbone_calibration
from lucidray.training.backbone_config import Config
from lucidray.training.backbone_network import Explained, is_exact, known
from lucidray.training.export import write_onnx
from lucidray.training.run_folder import write_text

_TOLERANCE = 2e-3  # of the largest logit: another library sums in another order
CALIBRATION = "calibration.json"


def export(
    network: nn.Module,
    folder: Path,
    outputs: tuple[str, ...],
    preparation: Preparation,
    config: Config,
    *,
    adults_only: bool,
    films: np.ndarray[Any, Any],
    learnt_from: list[str],
) -> dict[str, str]:
    """Write both folders, without calibration; `calibrate` adds it.

    Parameters
    ----------
    network : torch.nn.Module
        Moved to the CPU.
    folder : Path
        Receives `onnx/` and `timm/`.
    outputs : tuple of str
    preparation : Preparation
    config : Config
    adults_only : bool
        No film of a child was learnt from.
    films : (n, C, S, S) float32
        On which the ONNX file has to answer as the network does.
    learnt_from : list of str
        Names of the collections; empty where they are not known.

    Returns
    -------
    dict
        SHA-256 of the weights, by folder.

    Raises
    ------
    ModelError
        The ONNX file answers otherwise than the network.
    """
    size = preparation.size[0]
    network = network.cpu().eval()
    exact = is_exact(network, size)
    onnx_path, timm_path = folder / "onnx" / "model.onnx", folder / "timm" / "model.safetensors"
    timm_path.parent.mkdir(parents=True, exist_ok=True)
    if exact:
        sha_onnx = write_onnx(Explained(network), size, onnx_path, ("logits", "maps"), channels=3, half=False)
    else:
        sha_onnx = write_onnx(network, size, onnx_path, ("logits",), channels=3, half=False)
    _check(network, onnx_path, films)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, timm_path)
    maps = {"kind": "maps", "output": "maps"} if exact else {"kind": "occlusion", "grid": 8}
    _write_card(onnx_path, sha_onnx, outputs, preparation, config, adults_only, maps, learnt_from)
    own = {"kind": "cam"} if exact else {"kind": config.maps}
    sha_timm = checked_hash(timm_path, None)
    _write_card(timm_path, sha_timm, outputs, preparation, config, adults_only, own, learnt_from)
    return {"onnx": sha_onnx, "timm": sha_timm}


def calibrate(
    folder: Path, hashes: Mapping[str, str], entries: Mapping[str, Any], population: Population, films: int
) -> None:
    """Put a calibration into both folders, bound to the weights of each, and name it in their cards."""
    for kind, sha256 in hashes.items():
        card = json.loads((folder / kind / CARD_NAME).read_text(encoding="utf-8"))
        model = {"role": "findings", "name": card["name"], "version": card["version"], "sha256": sha256}
        content = backbone_calibration.content(entries, population, model, films)
        write_text(folder / kind / CALIBRATION, json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")
        write_text(folder / kind / CARD_NAME, json.dumps({**card, "calibration": CALIBRATION}, indent=2) + "\n")


def _check(network: nn.Module, path: Path, films: np.ndarray[Any, Any]) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for film in films:
        (answer,) = session.run(["logits"], {"film": film[None]})
        with torch.inference_mode():
            expected = network(torch.from_numpy(film[None])).numpy()
        off = float(np.abs(answer - expected).max())
        if not off <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ModelError(f"{path.name} answers otherwise than the network (off by {off:.3g} logits): not exported")


def _write_card(
    weights: Path,
    sha256: str,
    outputs: tuple[str, ...],
    preparation: Preparation,
    config: Config,
    adults_only: bool,
    heatmap: Mapping[str, Any],
    learnt_from: list[str],
) -> None:
    is_onnx = weights.suffix == ".onnx"
    card = {
        "name": f"{known(config.backbone)} {config.task}",
        "version": sha256[:12],
        "licence": "yours; see the terms of your films and of the weights that it began with",
        "file": weights.name,
        "sha256": sha256,
        **({} if is_onnx else {"architecture": known(config.backbone)}),
        **({"training": {"data": learnt_from}} if learnt_from else {}),
        "input": {
            "size": list(preparation.size),
            "channels": preparation.channels,
            "fit": preparation.fit,
            "interpolation": preparation.interpolation,
            "mean": list(preparation.mean),
            "std": list(preparation.std),
        },
        "output": {"name": "logits" if is_onnx else None, "kind": "logits", "labels": list(outputs)},
        "heatmap": dict(heatmap),
        "adults_only": adults_only,
    }
    ModelCard.model_validate(card)
    write_text(weights.with_name(CARD_NAME), json.dumps(card, indent=2, ensure_ascii=False) + "\n")
