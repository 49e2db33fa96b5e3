"""Errors as problem details (RFC 9457): what went wrong, in words, and what kind of fault it is, for programs."""

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException

from lucidray.domain.errors import LucidrayError, StoreBusyError
from lucidray.server.logs import log_fault

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "The request makes no sense",
    401: "A token is needed",
    403: "Not allowed",
    404: "Not there",
    405: "No such method",
    408: "The request came too slowly",
    409: "The state forbids it",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Not a film that lucidray reads",
    422: "The request does not fit its schema",
    428: "The version is missing",
    500: "A fault of lucidray",
    503: "Not now",
    504: "Took too long",
}


class Problem(BaseModel):
    """A problem detail. `type` is stable; `detail` is one line in words; `errors` names the fields at fault."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:lucidray:problem:input",
                    "title": "Not a film that lucidray reads",
                    "status": 415,
                    "detail": "a ZIP archive: unpack it first; lucidray reads DICOM, PNG, JPEG, TIFF and WebP",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = Field(default_factory=list)


class BusyError(LucidrayError):
    """All places are taken; `retry_after_s` says when to come again."""

    http_status = 503

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLongError(LucidrayError):
    """A reading took longer than its time limit."""

    http_status = 504


class StoppedError(LucidrayError):
    """A reading was given up because somebody asked for it."""

    http_status = 409


class UnauthorizedError(LucidrayError):
    """Nobody knows who asks."""

    http_status = 401


class ForbiddenError(LucidrayError):
    """It is known who asks, or from where, and that is not enough."""

    http_status = 403


class TooLargeError(LucidrayError):
    """The body is larger than the cap."""

    http_status = 413


class TooSlowError(LucidrayError):
    """The body comes too slowly."""

    http_status = 408


class MediaTypeError(LucidrayError):
    """The body is not of a kind that this address takes."""

    http_status = 415


class VersionMissingError(LucidrayError):
    """A change has to name the version that it was made from."""

    http_status = 428


def problem_of(error: Exception, *, name: str = "") -> Problem:
    """Put an error into a problem; what lucidray did not raise on purpose is told without its words.

    Parameters
    ----------
    error : Exception
    name : str
        Of the film, which is left out of the words.
    """
    if not isinstance(error, LucidrayError):
        return make(500, "fault", "something went wrong inside lucidray; its log says where")
    kind = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return make(error.http_status, kind, str(error).removeprefix(f"{name}: ") if name else str(error))


def make(status: int, kind: str, detail: str, **more: Any) -> Problem:
    """Make a problem; `kind` becomes the end of its type."""
    return Problem(
        type=f"urn:lucidray:problem:{kind}", title=_TITLES.get(status, "Problem"), status=status, detail=detail, **more
    )


def respond(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Make the answer."""
    return JSONResponse(problem.model_dump(exclude_defaults=True), problem.status, headers, MEDIA_TYPE)


def headers_of(error: Exception) -> dict[str, str]:
    """Return the headers that an error asks for."""
    if isinstance(error, BusyError):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, StoreBusyError):
        return {"Retry-After": "5"}
    if isinstance(error, UnauthorizedError):
        return {"WWW-Authenticate": 'Bearer realm="lucidray"'}
    return {}


def install(app: FastAPI) -> None:
    """Let the application answer every error with a problem."""

    @app.exception_handler(LucidrayError)
    def _known(_: Request, error: LucidrayError) -> JSONResponse:
        if error.http_status >= 500 and not isinstance(error, BusyError):
            log_fault(error)
        return respond(problem_of(error), headers_of(error))

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return respond(invalid(error.errors()))

    @app.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> JSONResponse:
        kind = {404: "not-found", 405: "method"}.get(error.status_code, "request")
        return respond(make(error.status_code, kind, str(error.detail)), dict(error.headers or {}))

    @app.exception_handler(Exception)
    def _unknown(_: Request, error: Exception) -> JSONResponse:
        log_fault(error)
        return respond(problem_of(error))


def invalid(errors: Any) -> Problem:
    """Make the problem of a request that does not fit its schema; what was sent is not repeated."""
    told = [{"field": ".".join(map(str, one["loc"])), "detail": str(one["msg"])} for one in errors]
    first = told[0] if told else {"field": "body", "detail": "not valid"}
    return make(422, "invalid", f"{first['field']}: {first['detail']}", errors=told)


def invalid_model(error: ValidationError) -> Problem:
    """Make the problem of a form that does not fit."""
    return invalid(error.errors(include_input=False, include_url=False, include_context=False))


def _said(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of problems that an operation may answer with, beside those of all."""
    return {status: _said(status) for status in sorted({400, 401, 403, 500, *statuses})}
