"""The playground: any film, any reader, any setting; nothing is stored, and the text is shown while it is written."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lucidray.domain.errors import NotFoundError, UsageError
from lucidray.domain.reading import Reading
from lucidray.imaging.film import read_film
from lucidray.imaging.limits import Limits
from lucidray.imaging.source import printable, read_file
from lucidray.reporting import upscaled
from lucidray.reporting.film import fitted
from lucidray.server.event_routes import EVENTS, event, stream
from lucidray.server.picture_routes import PNG
from lucidray.server.pictures import png
from lucidray.server.problems import documented, problem_of
from lucidray.server.reading_routes import TheService, Who, drawn
from lucidray.server.service import Service
from lucidray.store.order import Order

router = APIRouter(prefix="/api/v1", tags=["playground"])

_MOST_FILES = 5000
_LONGEST_PX = 1400
_LOOK_S = 0.05


class FolderFilm(BaseModel):
    """A file of the playground's folder; `id` stands for it, its path is never taken from a client."""

    id: str
    name: str
    bytes: int


class Play(BaseModel):
    """A film, by the id of a reading or of a file in the folder, and how to read it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reading": "0f5c4c1e6d6b4a0c8a55d1b7a8c0f3a1", "order": {"language": "en"}}]},
    )

    reading: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    file: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    order: Order = Field(default_factory=Order)


@router.get("/folder", responses=documented(404), summary="Films of the playground's folder")
def folder(service: TheService) -> list[FolderFilm]:
    """List the files of the folder that the service was started with (--films), at most 5,000."""
    return [FolderFilm(id=one.id, name=one.name, bytes=one.path.stat().st_size) for one in _files(service)]


@router.get(
    "/folder/{file_id}.png",
    response_class=Response,
    responses=PNG | documented(404, 415),
    summary="A film of the folder",
)
async def folder_film(file_id: str, service: TheService) -> Response:
    """Return a film of the folder in 8 bits, its longer side at most 1,400 pixels."""
    one = await run_in_threadpool(_file, file_id, service)
    return Response(await drawn(service, _picture, one.path, service.config.limits), media_type="image/png")


@router.post(
    "/playground",
    response_class=StreamingResponse,
    responses=EVENTS | documented(404, 415, 422, 503),
    summary="Read a film and watch",
)
async def play(wanted: Play, service: TheService, who: Who) -> StreamingResponse:
    """Send `step` and `text` events while the film is read, then `reading` with the whole result, or `problem`.

    Of a film that was upscaled, `upscaled` comes before it, with three pictures as data addresses.

    When the connection is closed, the reading is given up.
    """
    if (wanted.reading is None) == (wanted.file is None):
        raise UsageError("name a reading or a file of the folder, one of the two")
    await run_in_threadpool(service.engine.check, wanted.order)
    content, name = await run_in_threadpool(_content, wanted, service, who.name)
    service.pool.reserve(1)
    return stream(_watch(content, name, wanted.order, service))


async def _watch(content: bytes, name: str, order: Order, service: Service) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str] = asyncio.Queue()

    def told(text: str) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, text)

    job, answer = service.desk.read_now(content, name, order, told=told)
    step = ""
    try:
        while True:
            done = answer.done()
            if job.step != step:
                step = job.step
                yield event("step", {"step": step})
            while not pieces.empty():
                yield event("text", {"text": pieces.get_nowait()})
            if done:
                break
            await asyncio.sleep(_LOOK_S)
        outcome = answer.exception() or answer.result()
        if isinstance(outcome, Reading) and outcome.degraded:
            # Nothing is stored, so the pictures come with the reading.
            drawn_now = await drawn(service, upscaled.pictures, outcome)
            yield event("upscaled", {which: upscaled.data_address(one) for which, one in drawn_now.items()})
        yield _outcome(outcome, name)
    finally:
        job.stop.set()


def _outcome(outcome: Any, name: str) -> str:
    if isinstance(outcome, Reading):
        return event("reading", outcome.model_dump(mode="json"))
    return event("problem", problem_of(outcome, name=name).model_dump(exclude_defaults=True))


def _content(wanted: Play, service: Service, who: str) -> tuple[bytes, str]:
    if wanted.reading is not None:
        found = service.readings.get(wanted.reading)
        service.readings.saw(found.id, who, "playground")
        return service.readings.films.read(found.film), found.name
    one = _file(wanted.file or "", service)
    return read_file(one.path, service.config.limits), one.name


@dataclass(frozen=True)
class _File:
    id: str
    name: str
    path: Path


def _file(file_id: str, service: Service) -> _File:
    for one in _files(service):
        if one.id == file_id:
            return one
    raise NotFoundError("there is no such file in the folder")


def _files(service: Service) -> list[_File]:
    root = service.config.playground
    if root is None:
        raise NotFoundError("this service was started without a folder of films (--films)")
    found: list[_File] = []
    # Links are not followed: what lies elsewhere is not in the folder.
    for folder_name, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder_name) / name
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            told = path.relative_to(root).as_posix()
            digest = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()
            found.append(_File(digest[:32], printable(told), path))
            if len(found) >= _MOST_FILES:
                return found
    return found


def _picture(path: Path, limits: Limits) -> bytes:
    return png(fitted(read_film(path, limits=limits), _LONGEST_PX))
