"""A real server process, started by the tests."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the server listens, without a path."""
    script = Path(__file__).parents[3] / "chat_server.py"
    # Clients that hang up on purpose make it complain.
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@pytest.fixture
def last_seen(address: str) -> Callable[[], dict[str, Any]]:
    """What the server was sent last."""
    return lambda: json.loads(urlopen(f"{address}/seen").read())[-1]  # noqa: S310
