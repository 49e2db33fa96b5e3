"""A service for tests: fake models, a store in a folder of its own, and clients that speak to it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from readings import synthetic_film

from lucidray.domain.answer import Answer
from lucidray.domain.protocols import Reader, ReportRequest
from lucidray.domain.reading import ModelUsed
from lucidray.imaging.limits import Limits
from lucidray.models.fake import FakeClassifier, FakeSegmenter
from lucidray.models.upscale_lanczos import LanczosUpscaler
from lucidray.readers.composer import Composer

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from lucidray.server.app import create_app
from lucidray.server.config import ServerConfig
from lucidray.server.engine import Engine, ReaderChoice
from lucidray.server.service import Service, build
from lucidray.server.session import HEADER

PROBABILITIES = {"Effusion": 0.9, "Nodule": 0.2, "Pneumonia": 0.52}
LOCAL = "http://127.0.0.1:8000"


def png(seed: int = 0, size: int = 200) -> bytes:
    """A film that no other seed gives."""
    pixels = np.rint(255 * synthetic_film(size, size)).astype(np.uint8)
    pixels[0, :8] = [seed >> (8 * place) & 255 for place in range(8)]
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@dataclass
class SlowReader:
    """A reader that waits, in small steps, until it is let go, and tells its text word by word."""

    released: Callable[[], bool] = lambda: True
    words: tuple[str, ...] = ("One", " two", " three")
    asked: list[ReportRequest] = field(default_factory=list)
    used: ModelUsed = field(default_factory=lambda: ModelUsed(role="reader", name="slow", version="0", sha256=None))

    def read(self, request: ReportRequest) -> Answer:
        *_, answer = self.stream(request)
        assert isinstance(answer, Answer)
        return answer

    def stream(self, request: ReportRequest) -> Iterator[str | Answer]:
        self.asked.append(request)
        yield from self.words
        while not self.released():
            time.sleep(0.01)
            yield ""
        yield Composer().read(request)


class StuckReader:
    """A reader that hears nothing until it is let go."""

    def __init__(self, released: Callable[[], bool]) -> None:
        self._released = released

    @property
    def used(self) -> ModelUsed:
        return ModelUsed(role="reader", name="stuck", version="0", sha256=None)

    def read(self, request: ReportRequest) -> Answer:
        while not self._released():
            time.sleep(0.01)
        return Composer().read(request)


def engine(limits: Limits | None = None, **readers: Reader) -> Engine:
    """Fake models, the composer, and whatever other readers a test brings."""
    choices = {"composer": Composer(), **readers}
    return Engine(
        FakeSegmenter(),
        FakeClassifier(PROBABILITIES),
        {
            name: ReaderChoice(
                name, lambda reader=reader: reader, "for tests", "Apache-2.0", takes_prompt=name != "composer"
            )
            for name, reader in choices.items()
        },
        limits or Limits(),
        upscalers={"lanczos": LanczosUpscaler},
    )


def service(
    folder: Path, database: str | None = None, readers: dict[str, Reader] | None = None, **config: Any
) -> Service:
    """Build a service; leases are short, so that tests need not wait."""
    told = ServerConfig(**({"lease_s": 2.0, "workers": 2} | config))
    return build(told, engine(told.limits, **(readers or {})), folder, database)


@dataclass
class Client:
    """A client with the session secret, or a token."""

    http: TestClient
    service: Service

    def send(self, *films: bytes, wait: float = 240, name: str = "chest.png", **fields: Any):
        files = [("film", (name, film)) for film in films]
        return self.http.post(f"/api/v1/readings?wait={wait}", files=files, data=fields)

    def read(self, film: bytes | None = None, **fields: Any) -> dict[str, Any]:
        """Have a film read, and return its line of the worklist."""
        answer = self.send(png() if film is None else film, **fields)
        assert answer.status_code in (201, 422), answer.text
        return answer.json()["readings"][0]

    def get(self, path: str, **options: Any):
        return self.http.get(path, **options)


@contextmanager
def client(built: Service, *, base: str = LOCAL, token: str | None = None, ui: Path | None = None) -> Iterator[Client]:
    """Run a service and speak to it."""
    app = create_app(built) if ui is None else create_app(built, ui)
    headers = {"Authorization": f"Bearer {token}"} if token else {HEADER: built.sessions.secret}
    with TestClient(app, base_url=base, headers=headers, raise_server_exceptions=False) as http:
        yield Client(http, built)
