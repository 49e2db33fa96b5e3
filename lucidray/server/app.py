"""The application: routes behind the guard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from lucidray.domain.reading import NOTICE
from lucidray.server import (
    client_routes,
    edit_routes,
    event_routes,
    page,
    picture_routes,
    playground_routes,
    problems,
    reading_routes,
    system_routes,
    uploads,
)
from lucidray.server.body import BodyLimit
from lucidray.server.guard import Guard
from lucidray.server.service import Service
from lucidray.server.session import HEADER
from lucidray.version import VERSION

_DESCRIPTION = f"""Reads chest radiographs and shows the evidence. {NOTICE}

At the machine itself no token is needed, and a change carries the header `{HEADER}`, whose value
`GET /api/v1/session` tells. Elsewhere every request carries a token: `Authorization: Bearer lucidray_…`."""


def create_app(service: Service, ui_folder: Path = page.UI_FOLDER) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    service : Service
        Its desk is started and closed with the application.
    ui_folder : Path
        Files of the page, where there are any.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.desk.start)
        try:
            yield
        finally:
            await run_in_threadpool(service.desk.close)
            service.database.close()

    # The pages that FastAPI brings load their scripts from elsewhere: there is one of our own instead.
    app = FastAPI(
        title="lucidray",
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=running,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)

    @app.exception_handler(uploads.InvalidFormError)
    def _form(_: Request, error: uploads.InvalidFormError) -> JSONResponse:
        return problems.respond(error.problem)

    for part in (
        reading_routes,
        event_routes,
        picture_routes,
        edit_routes,
        playground_routes,
        client_routes,
        system_routes,
    ):
        app.include_router(part.router)
    page.install(app, ui_folder)
    # The last one added sees a request first.
    app.add_middleware(BodyLimit, config=service.config)
    app.add_middleware(
        Guard,
        config=service.config,
        database=service.database,
        sessions=service.sessions,
        metrics=service.metrics,
    )
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI description what FastAPI cannot know: problems, and how one shows who one is."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            parts = schema.setdefault("components", {})
            parts.setdefault("schemas", {})["Problem"] = problems.Problem.model_json_schema()
            parts["schemas"].pop("HTTPValidationError", None)
            parts["schemas"].pop("ValidationError", None)
            parts["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "header", "name": HEADER},
            }
            schema["security"] = [{"session": []}, {"token": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
