"""The exported findings network answers as the PyTorch network does, and its maps explain its logits."""

import json
from pathlib import Path

import numpy as np
import pytest

from lucidray.models.weights_file import EMBEDDED_FOLDER, open_weights

PAGE = Path(__file__).parents[2] / "docs" / "model-cards" / "findings.md"


def pooled(maps: np.ndarray, sharpness: np.ndarray | float = 1.0) -> np.ndarray:
    """Log of the mean of exp(r * map) over places, over r, in double precision."""
    r = np.broadcast_to(sharpness, maps.shape[1])
    return np.asarray(np.log(np.exp(r[:, None, None] * maps.astype(np.float64)).mean(axis=(2, 3))) / r)


@pytest.mark.parametrize("films", [1, 3])
def test_onnx_equals_pytorch_for_any_number_of_films(films: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs lucidray[train]")
    pytest.importorskip("onnx", reason="needs lucidray[train]")
    import onnxruntime

    from lucidray.training.export import write_onnx
    from lucidray.training.network import FindingsNetwork

    torch.manual_seed(0)
    network = FindingsNetwork(16)
    film = np.random.default_rng(films).random((films, 1, 96, 96), np.float32)
    network.trunk.adapt([torch.from_numpy(np.random.default_rng(9).random((8, 1, 96, 96), np.float32))])
    network.trunk.fold()
    torch.nn.init.normal_(network.maps.weight, std=0.02)
    write_onnx(network, 96, tmp_path / "findings.onnx", ("logits", "maps"))
    session = onnxruntime.InferenceSession(tmp_path / "findings.onnx")
    logits, maps = session.run(["logits", "maps"], {"film": film})
    with torch.inference_mode():
        wanted_logits, wanted_maps = network(torch.from_numpy(film))
    assert logits.dtype == maps.dtype == np.float32
    assert maps.std() > 0.01, "the test needs maps that differ"
    # Half-precision weights cost this much and no more.
    np.testing.assert_allclose(logits, wanted_logits.numpy(), atol=0.01)
    np.testing.assert_allclose(maps, wanted_maps.numpy(), atol=0.03)
    np.testing.assert_allclose(logits, pooled(maps), atol=1e-4)


def test_shipped_maps_explain_shipped_logits() -> None:
    weights = open_weights(EMBEDDED_FOLDER, "findings")
    size, side = weights.card["input_size"], weights.card["map_size"]
    film = np.random.default_rng(0).random((2, 1, size, size), np.float32)
    logits, maps = weights.session(1).run(["logits", "maps"], {"film": film})
    assert maps.shape == (2, 16, side, side)
    sharpness = np.array([entry["sharpness"] for entry in weights.card["outputs"]])
    assert len(set(sharpness.round(2))) > 1, "learnt, not left at 1"
    np.testing.assert_allclose(logits, pooled(maps, sharpness), atol=2e-3)


def test_shipped_page_is_written_from_the_shipped_card() -> None:
    pytest.importorskip("torch", reason="needs lucidray[train]")
    from lucidray.training.findings_page import page

    assert PAGE.read_text(encoding="utf-8") == page(json.loads((EMBEDDED_FOLDER / "findings.json").read_text()))


def test_shipped_weights_are_small() -> None:
    assert (EMBEDDED_FOLDER / "findings.onnx").stat().st_size < 16_000_000


def test_shipped_card_claims_no_more_than_it_measured() -> None:
    card = json.loads((EMBEDDED_FOLDER / "findings.json").read_text())
    for entry in card["outputs"]:
        if entry["supported"]:
            assert entry["n_positive"] >= 25, entry["name"]
            assert entry["auroc"]["low"] > 0.6, entry["name"]
            assert 0 < entry["threshold"] < 1, entry["name"]
        else:
            assert entry["unsupported_reason"], entry["name"]
