"""The workstation as a process: the real anatomy and gate, known findings, and a list with 200 readings in it."""

import json
import subprocess
import sys
import time
import urllib.request
from io import BytesIO
from pathlib import Path

from readings import accepted_reading
from server_process import free_port
from servers import png

from lucidray.store.database import open_database
from lucidray.store.evidence import pack
from lucidray.store.films import Films
from lucidray.store.order import Order
from lucidray.store.readings import Readings

SEEDED = 200
_OWNER = "seeder"
# The film is judged by the shipped gate; the findings are told, so that new weights do not change these tests.
_MAIN = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from servers import PROBABILITIES
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.models.fake import FakeClassifier
from lucidray.models.upscale_lanczos import LanczosUpscaler
from lucidray.models.upscale_onnx import EmbeddedUpscaler
from lucidray.readers.composer import Composer
from lucidray.server import run
from lucidray.server.app import create_app
from lucidray.server.config import ServerConfig
from lucidray.server.engine import Engine, ReaderChoice
from lucidray.server.service import build
config = ServerConfig(port=int(sys.argv[2]), workers=1, show_identity=True)
readers = {{
    "composer": ReaderChoice("composer", Composer, "for tests", "Apache-2.0"),
    "second": ReaderChoice("second", Composer, "for tests", "Apache-2.0"),
}}
upscalers = {{"lanczos": LanczosUpscaler, "embedded": EmbeddedUpscaler}}
engine = Engine(EmbeddedSegmenter(), FakeClassifier(PROBABILITIES), readers, config.limits, upscalers)
app = create_app(build(config, engine, Path(sys.argv[1]), None))
with run.bind(config) as listener:
    run.serve(app, listener)
"""


class Workstation:
    """A service on a port of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        tests = Path(__file__).parent
        main = _MAIN.format(paths=[str(tests.parent), str(tests), str(tests / "unit" / "localization")])
        with (self.folder.parent / "workstation.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", main, str(self.folder), str(self.port)], stdout=log, stderr=log
            )
        until = time.monotonic() + 90
        while True:
            try:
                session = self.get("/api/v1/session")
            except OSError:
                told = (self.folder.parent / "workstation.log").read_text()
                assert self._process.poll() is None, told
                assert time.monotonic() < until, told
                time.sleep(0.1)
            else:
                self.secret = session["secret"]
                return

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.base + path, timeout=30) as answer:
            return json.load(answer)

    def send(self, method: str, path: str, body: bytes, kind: str, **headers: str) -> dict:
        """Ask for a change from elsewhere, as another person's browser would."""
        told = {"X-Lucidray-Session": self.secret, "Content-Type": kind} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        request = urllib.request.Request(self.base + path, body, told, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def read(self, film: bytes, name: str = "film.dcm", **fields: str) -> str:
        """Have a film read, and return the reading's id."""
        edge = "lucidray-edge"
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
            for field, value in fields.items()
        ]
        head = f'--{edge}\r\nContent-Disposition: form-data; name="film"; filename="{name}"\r\n\r\n'.encode()
        body = b"".join([*parts, head, film, f"\r\n--{edge}--\r\n".encode()])
        taken = self.send("POST", "/api/v1/readings?wait=60", body, f"multipart/form-data; boundary={edge}")
        return str(taken["readings"][0]["id"])


def seed(folder: Path) -> None:
    """Put readings into a store: one drawn chest, finished as often as asked."""
    readings = Readings(open_database(None, folder), Films(folder))
    reading = accepted_reading()
    evidence = pack(reading.evidence)
    content = png()
    for number in range(SEEDED):
        with readings.films.receive(BytesIO(content)) as received:
            found = readings.add(received, f"chest {number:03}.png", Order(), "seeder", owner=_OWNER, lease_until=2e9)
        assert readings.begin(found.id, _OWNER, 2e9)
        assert readings.finish(found.id, _OWNER, reading, evidence)
