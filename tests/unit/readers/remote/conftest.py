"""A real server process, started by the tests."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import chat_server
import pytest


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the server listens, without a path."""
    with chat_server.running() as where:
        yield where


@pytest.fixture
def last_seen(address: str) -> Callable[[], dict[str, Any]]:
    """What the server was sent last."""
    return lambda: json.loads(urlopen(f"{address}/seen").read())[-1]
