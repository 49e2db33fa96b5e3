"""A service in a process of its own, which can be killed: fake models, a real socket."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAIN = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
from servers import SlowReader, engine
from lucidray.server import run
from lucidray.server.app import create_app
from lucidray.server.config import ServerConfig
from lucidray.server.service import build
folder, port, database, pause = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or None, float(sys.argv[4])

class Pausing(SlowReader):
    def read(self, request):
        time.sleep(pause)
        return super().read(request)

run.HEADERS_WITHIN_S = 1.5
config = ServerConfig(port=port, workers=1, queue=400, lease_s=2.0, idle_s=1.5)
reader = Pausing()
app = create_app(build(config, engine(config.limits, pausing=reader), folder, database))
with run.bind(config) as listener:
    run.serve(app, listener)
"""


@dataclass
class Running:
    """A running service."""

    process: "subprocess.Popen[bytes]"
    port: int
    secret: str

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Lucidray-Session": self.secret}

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, *, pause_s: float = 0.0, database: str = "") -> Iterator[Running]:
    """Start a service, and wait until it answers; it is killed in the end."""
    port = free_port()
    tests = Path(__file__).parent
    main = MAIN.format(paths=[str(tests.parent), str(tests), str(tests / "unit" / "localization")])
    with (folder.parent / f"{folder.name}-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", main, str(folder), str(port), database, str(pause_s)], stdout=log, stderr=log
        )
        try:
            yield Running(process, port, _secret(process, port, Path(log.name)))
        finally:
            process.kill()
            process.wait()


def _secret(process: "subprocess.Popen[bytes]", port: int, log: Path) -> str:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/session", timeout=5) as answer:
                return str(json.load(answer)["secret"])
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
