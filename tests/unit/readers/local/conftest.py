"""Tiny models in folders, built once."""

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
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Gemma 3 that reads on which side a marker is."""
    import tiny_models

    folder = tiny_models.save_gemma(tmp_path_factory.mktemp("tiny-gemma"))
    tiny_models.teach_gemma(folder)
    return folder


@pytest.fixture(scope="session")
def encoder_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT with a GPT-2 that do the same."""
    import tiny_models

    return tiny_models.save_encoder_decoder(tmp_path_factory.mktemp("tiny-encoder-decoder"))
