"""The service about itself: session, health, metrics, what it knows, and its audit log."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from lucidray.domain.errors import OutputError
from lucidray.domain.reading import NOTICE
from lucidray.domain.vocabulary import CODES, LABELS, finding_id
from lucidray.readers.phrases import available_languages
from lucidray.readers.prompt import available_strategies
from lucidray.reporting.colours import FINDING_COLOURS
from lucidray.server.actor import actor
from lucidray.server.guard import COOKIE
from lucidray.server.problems import UnauthorizedError, documented
from lucidray.server.reading_routes import Admin, TheService
from lucidray.server.session import HEADER, LASTS_S
from lucidray.store import audit, tokens
from lucidray.version import VERSION

router = APIRouter(tags=["service"])


class Session(BaseModel):
    """Who you are here, and what a change has to carry: the header `header` with the value `secret`."""

    name: str
    role: str
    header: str
    secret: str


class Health(BaseModel):
    """Whether the service can read films now."""

    status: str
    cnn_ready: bool
    version: str
    places: int
    places_taken: int


class AuditLines(BaseModel):
    """Lines of the audit log; `intact` says whether the whole chain holds."""

    lines: list[dict[str, Any]]
    intact: bool
    first_broken: int | None


@router.get("/api/v1/session", responses=documented(), summary="Who am I, and the session secret")
def session(request: Request, service: TheService) -> Session:
    """Return the secret that changes have to carry. Other sites cannot read this answer.

    A service that others can reach asks for a token first: POST it here once, as Authorization: Bearer, and a
    cookie stands for it from then on.
    """
    found = actor(request)
    if found.name == "nobody":
        raise UnauthorizedError("show a token: POST /api/v1/session with Authorization: Bearer lucidray_…")
    return Session(name=found.name, role=found.role, header=HEADER, secret=service.sessions.secret)


@router.post("/api/v1/session", responses=documented(), summary="Log in with a token")
def log_in(request: Request, response: Response, service: TheService) -> Session:
    """Give a browser a cookie that stands for the token it showed, for twelve hours or until the service ends."""
    found = actor(request)
    secret = request.headers.get("authorization", "").partition(" ")[2].strip()
    token = tokens.check(service.database, secret) if found.via == "token" else None
    if token is None:
        raise UnauthorizedError("show a token: Authorization: Bearer lucidray_…")
    response.set_cookie(
        COOKIE,
        service.sessions.cookie(token.id),
        max_age=LASTS_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:"),
    )
    return Session(name=found.name, role=found.role, header=HEADER, secret=service.sessions.secret)


@router.delete("/api/v1/session", status_code=204, responses=documented(), summary="Log out")
def log_out() -> Response:
    """Take the cookie back."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


@router.get(
    "/health",
    response_model=Health,
    responses=documented() | {503: {"model": Health, "description": "It cannot"}},
    summary="Whether films can be read",
)
async def health(service: TheService) -> Response:
    """Tell whether models are loaded, threads are there and the database answers."""
    sound = service.pool.is_sound
    try:
        await run_in_threadpool(audit.count, service.database)
    except OutputError:
        sound = False
    told = Health(
        status="healthy" if sound else "unhealthy",
        cnn_ready=sound,
        version=VERSION,
        places=service.pool.capacity,
        places_taken=service.pool.taken,
    )
    return JSONResponse(told.model_dump(), 200 if sound else 503)


@router.get("/metrics", response_class=Response, responses=documented(), summary="For Prometheus")
def metrics(service: TheService) -> Response:
    """Return counters in the text format of Prometheus."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/v1/about", responses=documented(), summary="What this service knows")
def about(request: Request, service: TheService) -> dict[str, Any]:
    """Return version, findings with colours and codes, languages, readers, upscalers, and what is switched on."""
    found = actor(request)
    return {
        "version": VERSION,
        "notice": NOTICE,
        "name": found.name,
        "role": found.role,
        "findings": [
            {
                "label": label,
                "id": finding_id(label),
                "colour": FINDING_COLOURS[label].hex,
                "ink": FINDING_COLOURS[label].ink.hex,
                "code": CODES[label]._asdict(),
            }
            for label in LABELS
        ],
        "languages": list(available_languages()),
        "default_language": service.config.language,
        "readers": [
            {
                "name": choice.name,
                "what": choice.what,
                "licence": choice.licence,
                "sends_data_away": choice.sends_data_away,
                "takes_prompt": choice.takes_prompt,
                "strategies": list(choice.strategies),
            }
            for choice in service.engine.choices.values()
        ],
        "upscalers": list(service.engine.upscalers),
        "default_upscale": service.config.upscale,
        # Of all readers; where none is asked in words, those that come with lucidray.
        "strategies": sorted({name for choice in service.engine.choices.values() for name in choice.strategies})
        or list(available_strategies()),
        "shows_identity": service.config.show_identity,
        "has_folder": service.config.playground is not None,
        "max_bytes": service.config.limits.max_bytes,
        "max_files": service.config.max_files,
        "time_limit_s": service.config.time_limit_s,
    }


@router.get("/api/v1/audit", responses=documented(422), summary="The audit log")
def audit_lines(
    service: TheService,
    who: Admin,  # noqa: ARG001
    after: Annotated[int, Query(ge=0, le=2**53, description="Number of the last line that is known")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    thing: Annotated[str | None, Query(max_length=64, description="Lines about this id only")] = None,
) -> AuditLines:
    """Return who read, saw, changed, exported or deleted what, and when. Needs the role admin."""
    found = audit.lines(service.database, after=after, limit=limit, thing=thing)
    broken = audit.first_broken(service.database)
    return AuditLines(lines=[vars(line) for line in found], intact=broken is None, first_broken=broken)
