"""A small Gemma 3, made once."""

import contextlib
import sys
from pathlib import Path

import pytest

# transformers takes a torchvision wherever it sees one, and fails with one that does not fit PyTorch; none is needed.
with contextlib.suppress(ImportError):
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        sys.modules["torchvision"] = None  # type: ignore[assignment]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untaught Gemma 3, smaller than the one that the command makes."""
    from lucidray.training.reader_tiny import Size, build

    size = Size(side_px=56, patch_px=14, picture_tokens=16, width=64, layers=2, tower_width=64, tower_layers=1)
    folder = build(tmp_path_factory.mktemp("tiny-reader"), size)
    # Scores are products with the embeddings, which stay as they are: from random ones this small, nothing can be said.
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if "embed_tokens" in name:
            weights[name] = weights[name] * 8
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
