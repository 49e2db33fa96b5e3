"""The worklist: films in, readings out."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lucidray.domain.errors import UsageError
from lucidray.domain.vocabulary import Label
from lucidray.server import uploads
from lucidray.server.actor import Actor, actor, admin
from lucidray.server.problems import Problem, documented, respond
from lucidray.server.service import Service, service
from lucidray.server.shapes import Detail, FilmProblem, Item, Taken, Worklist, detail, items
from lucidray.store.entry import Entry, Status
from lucidray.store.filters import Filter, Sort
from lucidray.store.order import Order
from lucidray.store.tables import stamp

router = APIRouter(prefix="/api/v1/readings", tags=["readings"])

ReadingId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Id of a reading.")]
TheService = Annotated[Service, Depends(service)]
Who = Annotated[Actor, Depends(actor)]
Admin = Annotated[Actor, Depends(admin)]

MOST_WAIT_S = 300
_POLL_S = 0.05
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["film"],
                    "properties": {
                        "film": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "DICOM, PNG, JPEG, TIFF or WebP; one or several",
                        },
                        "symptoms": {"type": "string", "maxLength": 2000},
                        "language": {"type": "string", "pattern": "^[a-z]{2}$"},
                        "reader": {"type": "string"},
                        "fix_orientation": {"type": "boolean"},
                        "age_years": {"type": "number", "minimum": 0, "maximum": 130},
                        "sex": {"type": "string", "enum": ["female", "male", "other"]},
                        "view": {
                            "type": "string",
                            "enum": ["PA", "AP", "AP supine", "lateral", "oblique", "unknown"],
                        },
                        "strategy": {"type": "string", "maxLength": 60},
                        "prompt": {"type": "string", "maxLength": 8000},
                        "upscale": {
                            "type": "string",
                            "description": "Who upscales films under 224 pixels, for example embedded; see `about`",
                        },
                        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
                        "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 8192},
                        "seed": {"type": "integer", "minimum": 0},
                    },
                },
                "example": {"symptoms": "fever, cough for 5 days", "language": "en"},
            }
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=Taken,
    responses=documented(408, 413, 415, 422, 503)
    | {201: {"model": Taken, "description": "Read, where `wait` was long enough"}},
    openapi_extra=_FORM,
    summary="Send films to be read",
)
async def send_films(
    request: Request,
    service: TheService,
    who: Who,
    wait: Annotated[float, Query(ge=0, le=MOST_WAIT_S, description="Seconds to wait for the readings.")] = 0,
) -> Response:
    """Store films and queue them.

    The answer comes when they are safely on the disk: 202, or with `wait` 201 where all are read by then, and 422
    where the one film that was sent was refused. Films that cannot be decoded are not kept.
    """
    async with uploads.form(request, service) as fields:
        order = await run_in_threadpool(uploads.order_of, fields, service)
        sent = uploads.files(fields, "film", "films", "file")
        service.pool.reserve(len(sent))
        open_places = len(sent)
        taken: list[Entry] = []
        problems: list[FilmProblem] = []
        try:
            for number, one in enumerate(sent):
                upload = await uploads.checked(one, service)
                if isinstance(upload, Problem):
                    problems.append(FilmProblem(number=number, problem=upload))
                    continue
                taken.append(await run_in_threadpool(service.desk.take, upload.file, upload.name, order, who.name))
                open_places -= 1
        finally:
            service.pool.give_back(open_places)
    if not taken:
        return respond(problems[0].problem)
    entries = await _waited(service, [one.id for one in taken], wait)
    listed = await run_in_threadpool(items, entries, service)
    status = 202
    if all(one.is_finished for one in entries):
        status = 422 if len(sent) == 1 and entries[0].accepted is False else 201
    answer = Taken(readings=listed, problems=problems)
    headers = {"Location": f"/api/v1/readings/{listed[0].id}"} if len(listed) == 1 else None
    return JSONResponse(answer.model_dump(mode="json"), status, headers)


async def _waited(service: Service, ids: list[str], wait_s: float) -> list[Entry]:
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    # The desk knows in memory what is still in work: the database is asked when nothing is.
    while loop.time() < until and any(service.desk.step(one) is not None for one in ids):
        await asyncio.sleep(_POLL_S)
    return [await run_in_threadpool(service.readings.get, one) for one in ids]


@router.get("", responses=documented(422), summary="The worklist")
def list_readings(
    service: TheService,
    status: Annotated[list[Status] | None, Query()] = None,
    accepted: bool | None = None,
    risk: Annotated[list[str] | None, Query(description="Low, Moderate, High")] = None,
    signed: bool | None = None,
    finding: Annotated[Label | None, Query(description="Present or uncertain")] = None,
    since: Annotated[datetime | None, Query(description="Came in at or after this time")] = None,
    until: Annotated[datetime | None, Query(description="Came in before this time")] = None,
    film: Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="All readings of one film")] = None,
    sort: Sort = "risk",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Worklist:
    """List readings: the most pressing first, and among equals the one that has waited longest.

    File names, patients' names and IDs are left out unless the service was started with --show-identity.
    """
    unknown = set(risk or ()) - {"Low", "Moderate", "High"}
    if unknown:
        raise UsageError("risk is Low, Moderate or High")
    wanted = Filter(
        status=tuple(status or ()),
        accepted=accepted,
        risk=tuple(risk or ()),
        signed=signed,
        finding=finding,
        since=None if since is None else _told(since),
        until=None if until is None else _told(until),
        film=film,
    )
    found, total = service.readings.find(wanted, sort=sort, limit=limit, offset=offset)
    return Worklist(items=items(found, service), total=total, limit=limit, offset=offset)


def _told(moment: datetime) -> str:
    try:
        return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError as error:
        raise UsageError("a time at the very edge of the calendar") from error


@router.get("/{reading_id}", responses=documented(404, 422), summary="One reading with everything about it")
def get_reading(reading_id: ReadingId, service: TheService, who: Who, response: Response) -> Detail:
    """Return the model's reading, people's latest edit, and the report's text as it now stands.

    The ETag is the number of the edit.
    """
    found = service.readings.get(reading_id)
    service.readings.saw(reading_id, who.name, "reading")
    response.headers["ETag"] = f'"{found.edit_number}"'
    return detail(found, service)


@router.delete("/{reading_id}", status_code=204, responses=documented(404, 422), summary="Remove a reading")
def delete_reading(reading_id: ReadingId, service: TheService, who: Admin) -> Response:
    """Remove a reading, its edits, and its film where no other reading needs it.

    The audit log keeps that it was there. Needs the role admin.
    """
    service.readings.delete(reading_id, who.name)
    service.desk.forget(reading_id)
    service.pictures.forget(reading_id)
    return Response(status_code=204)


@router.post("/{reading_id}/cancel", responses=documented(404, 409, 422), summary="Give a reading up")
def cancel_reading(reading_id: ReadingId, service: TheService, who: Who) -> Item:
    """Take a film out of the queue, or stop its reading before its next step."""
    return items([service.desk.cancel(reading_id, who.name)], service)[0]


@router.post(
    "/{reading_id}/again", status_code=202, responses=documented(404, 422, 503), summary="Read a stored film once more"
)
def read_again(reading_id: ReadingId, order: Order, service: TheService, who: Who) -> Item:
    """Queue the same film with another reader, language or setting.

    It becomes a reading of its own, so that the two can be laid side by side.
    """
    service.engine.check(order)
    found = service.readings.get(reading_id)
    service.pool.reserve(1)
    try:
        again = service.desk.take_again(found.film, found.name, order, who.name)
    except BaseException:
        service.pool.give_back()
        raise
    return items([again], service)[0]


class Prior(BaseModel):
    """The earlier reading to compare with; null takes the link away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"prior": None}]})

    prior: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None


@router.put("/{reading_id}/prior", responses=documented(404, 409, 422), summary="Link an earlier film")
def link_prior(reading_id: ReadingId, prior: Prior, service: TheService, who: Who) -> Item:
    """Name the reading of an earlier film of the same patient: a person says which, since no patient ID is kept."""
    return items([service.readings.link_prior(reading_id, prior.prior, who.name)], service)[0]


async def drawn(service: Service, draw: Any, *arguments: Any) -> Any:
    """Draw on a thread of the few that may hold whole films."""
    return await to_thread.run_sync(draw, *arguments, limiter=service.drawing)
