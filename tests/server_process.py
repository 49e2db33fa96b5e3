"""A service in a process of its own, which can be killed: fake models, a real socket."""

import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

START_WITHIN_S = 240
MAIN = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
from server_process import tell_port
from servers import SlowReader, engine
from lucidray.server import run
from lucidray.server.app import create_app
from lucidray.server.config import ServerConfig
from lucidray.server.service import build
folder, told, database, pause = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] or None, float(sys.argv[4])
impatient = sys.argv[5] == "impatient"

class Pausing(SlowReader):
    def stream(self, request):
        time.sleep(pause)
        yield from super().stream(request)

# Short patience is for the tests of it only: a client on a loaded machine may well be silent for seconds.
if impatient:
    run.HEADERS_WITHIN_S = 1.5
# A lease that a loaded machine keeps: one that runs out early gives the film to the other process, which is no fault.
config = ServerConfig(port=0, workers=1, queue=400, lease_s=12.0, **({{"idle_s": 1.5}} if impatient else {{}}))
reader = Pausing()
app = create_app(build(config, engine(config.limits, pausing=reader), folder, database))
with run.bind(config) as listener:
    tell_port(told, listener)
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


def tell_port(told: Path, listener: "socket.socket") -> None:
    """Write the port that the system gave: one that was looked for before could be somebody else's by now."""
    part = told.with_suffix(".part")
    part.write_text(str(listener.getsockname()[1]))
    part.replace(told)


def await_port(process: "subprocess.Popen[bytes]", told: Path, log: Path) -> int:
    """Wait until a process has told its port."""
    until = time.monotonic() + START_WITHIN_S
    while not told.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    return int(told.read_text())


@contextmanager
def serving(folder: Path, *, pause_s: float = 0.0, database: str = "", impatient: bool = False) -> Iterator[Running]:
    """Start a service, and wait until it answers; it is killed in the end."""
    tests = Path(__file__).parent
    main = MAIN.format(paths=[str(tests.parent), str(tests), str(tests / "unit" / "localization")])
    name = f"{folder.name}-{secrets.token_hex(4)}"
    told = folder.parent / f"{name}.port"
    options = [database, str(pause_s), "impatient" if impatient else "patient"]
    with (folder.parent / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", main, str(folder), str(told), *options], stdout=log, stderr=log
        )
        try:
            port = await_port(process, told, Path(log.name))
            yield Running(process, port, _secret(process, port, Path(log.name)))
        finally:
            process.kill()
            process.wait()


def _secret(process: "subprocess.Popen[bytes]", port: int, log: Path) -> str:
    until = time.monotonic() + START_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/session", timeout=30) as answer:
                return str(json.load(answer)["secret"])
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
