"""A small collection of made-up films, made once."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of drawn chests, with boxes on some."""
    import drawn_chests

    return drawn_chests.write_collection(tmp_path_factory.mktemp("collection"))
