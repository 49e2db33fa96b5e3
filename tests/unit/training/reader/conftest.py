"""A small collection of made-up films, and a small Gemma 3, made once."""

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
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of drawn chests, with boxes on some."""
    import drawn_chests

    return drawn_chests.write_collection(tmp_path_factory.mktemp("collection"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untaught Gemma 3, smaller than the one that the command makes."""
    from lucidray.training.reader_tiny import Size, build

    size = Size(side_px=56, patch_px=14, picture_tokens=16, width=64, layers=2, tower_width=64, tower_layers=1)
    return build(tmp_path_factory.mktemp("tiny-reader"), size)
