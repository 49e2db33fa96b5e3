"""Progress of a reading as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from lucidray.domain.errors import NotFoundError
from lucidray.server.problems import documented
from lucidray.server.reading_routes import ReadingId, TheService
from lucidray.server.service import Service

router = APIRouter(prefix="/api/v1/readings/{reading_id}", tags=["readings"])

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}
}
_LOOK_S, _ASK_S, _ALIVE_S = 0.1, 0.5, 15.0


@router.get("/events", response_class=StreamingResponse, responses=EVENTS | documented(404, 422), summary="Progress")
async def events(reading_id: ReadingId, service: TheService) -> StreamingResponse:
    """Follow a reading.

    A `status` event, ``{"status", "step"}``, comes whenever one of the two changes, and `end` when nothing more will.
    """
    await run_in_threadpool(service.readings.get, reading_id)
    return stream(_events(reading_id, service))


def stream(events: AsyncIterator[str]) -> StreamingResponse:
    """Answer with events."""
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def event(name: str, told: Any) -> str:
    """Write one event; JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"


async def _events(reading_id: str, service: Service) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    last: tuple[str, str | None] | None = None
    asked = said = -1e9
    status = "queued"
    while True:
        now = loop.time()
        step = service.desk.step(reading_id)
        # The step is in memory; the status is asked for now and then, and at once when the job is gone.
        if now - asked > _ASK_S or (step is None and last is not None and last[1] is not None):
            try:
                found = await run_in_threadpool(service.readings.get, reading_id)
            except NotFoundError:
                yield event("end", {"status": "deleted"})
                return
            status, asked = found.status, now
            if found.is_finished:
                yield event("end", {"status": status, "accepted": found.accepted, "risk_level": found.risk_level})
                return
        if (status, step) != last:
            last, said = (status, step), now
            yield event("status", {"status": status, "step": step})
        elif now - said > _ALIVE_S:
            said = now
            yield ": still there\n\n"
        await asyncio.sleep(_LOOK_S)
