"""A PostgreSQL server of its own for a test run, on loopback, where Debian's binaries are installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Whoever asks for a database needs these: a test file that imports this one skips without them.
pytest.importorskip("sqlalchemy", reason="needs lucidray[server]")
pytest.importorskip("alembic", reason="needs lucidray[server]")


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server and return its URL; it and its files are gone afterwards."""
    pytest.importorskip("psycopg", reason="needs lucidray[postgresql]")
    binaries = _binaries()
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="lucidray-pg-"))
    try:
        if user:
            shutil.chown(folder, user)
        data = str(folder / "data")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def run(*command: str) -> None:
            subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder, timeout=240)

        run(str(binaries / "initdb"), "-D", data, "-U", "lucidray", "--auth=trust", "--no-sync", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        log = str(folder / "log")
        start = [str(binaries / "pg_ctl"), "-D", data, "-w", "-l", log, "-o", options, "start"]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder, timeout=240)
        try:
            yield f"postgresql://lucidray@127.0.0.1:{port}/postgres"
        finally:
            run(str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
