"""A small collection of made-up films, made once; and one thread, for tests that compare two runs bit by bit."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of drawn chests, with boxes on some."""
    import drawn_chests

    return drawn_chests.write_collection(tmp_path_factory.mktemp("collection"))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums of several threads differ in their last bits from run to run on a loaded machine."""
    try:
        import torch
    except ModuleNotFoundError:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
