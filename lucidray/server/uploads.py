"""Films from a form: named by people, told by their content, decoded once before anything is kept."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from anyio import to_thread
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from lucidray.domain.errors import LucidrayError, UsageError
from lucidray.imaging.film import read_film
from lucidray.imaging.limits import Limits
from lucidray.imaging.source import printable
from lucidray.server.problems import MediaTypeError, Problem, invalid_model, problem_of
from lucidray.server.service import Service
from lucidray.store.order import Order

_MAX_FIELDS, _MAX_FIELD_BYTES = 32, 64 * 2**10
_ORDER_FIELDS = (
    "symptoms",
    "language",
    "reader",
    "fix_orientation",
    "age_years",
    "sex",
    "view",
    "strategy",
    "prompt",
    "upscale",
)
NO_UPSCALING = "none"  # said where the service upscales by default
_WRITING_FIELDS = ("temperature", "top_p", "max_tokens", "seed")


class InvalidFormError(UsageError):
    """The form's fields do not fit."""

    http_status = 422

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@dataclass(frozen=True)
class Upload:
    """A film that was sent and can be decoded.

    Attributes
    ----------
    name : str
        What people call it: the last part of the name that was sent, on one printable line. Never a path on this disk.
    file : binary file
        At its start.
    """

    name: str
    file: BinaryIO


@asynccontextmanager
async def form(request: Request, service: Service) -> AsyncIterator[FormData]:
    """Read a form; its files are gone afterwards.

    Raises
    ------
    MediaTypeError
        The body is no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise MediaTypeError("films are sent as multipart/form-data")
    async with request.form(
        max_files=service.config.max_files, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES
    ) as fields:
        yield fields


def files(fields: FormData, *names: str) -> list[UploadFile]:
    """Return the films of a form.

    Raises
    ------
    UsageError
        There is none.
    """
    found = [one for name in names for one in fields.getlist(name) if isinstance(one, UploadFile)]
    if not found:
        raise UsageError(f"there is no film in the form: send it as the file {' or '.join(names)}")
    return found


def order_of(fields: FormData, service: Service, known: tuple[str, ...] = (*_ORDER_FIELDS, *_WRITING_FIELDS)) -> Order:
    """Make the order that a form asks for; empty fields count as not sent.

    Raises
    ------
    UsageError
        A field makes no sense, or there is no such reader or language.
    """
    given: dict[str, Any] = {
        name: value for name in known if isinstance(value := fields.get(name), str) and value.strip()
    }
    if given.get("upscale") == NO_UPSCALING:
        given["upscale"] = None
    writing = {name: given.pop(name) for name in _WRITING_FIELDS if name in given}
    defaults = {
        "language": service.config.language,
        "reader": service.engine.default_reader,
        "fix_orientation": service.config.fix_orientation,
        "upscale": service.config.upscale,
    }
    try:
        order = Order.model_validate(defaults | given | ({"writing": writing} if writing else {}))
    except ValidationError as error:
        raise InvalidFormError(invalid_model(error)) from error
    service.engine.check(order)
    return order


async def checked(upload: UploadFile, service: Service) -> Upload | Problem:
    """Decode a film, and return it at its start, or say why it is none."""
    name = film_name(upload.filename)
    try:
        await to_thread.run_sync(_decode, upload.file, name, service.config.limits, limiter=service.drawing)
    except LucidrayError as error:
        return problem_of(error, name=name)
    await upload.seek(0)
    return Upload(name, upload.file)


def film_name(sent: str | None) -> str:
    """Return what people call a film: the last part of a name, whatever system it came from."""
    return printable(re.split(r"[/\\]", sent or "")[-1]) or "film"


def _decode(file: BinaryIO, name: str, limits: Limits) -> None:
    file.seek(0, 2)
    limits.check_bytes(file.tell())
    file.seek(0)
    read_film(file.read(), limits=limits, name=name)


def content_of(upload: Upload) -> bytes:
    """Return the bytes of an upload."""
    file = upload.file
    return file.getvalue() if isinstance(file, BytesIO) else file.read()
