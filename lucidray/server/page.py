"""The page at `/`: the workstation where its files are there, else the list of the API. Nothing comes from outside."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from lucidray.domain.reading import NOTICE
from lucidray.version import VERSION

UI_FOLDER = Path(__file__).parent.parent / "ui"


def install(app: FastAPI, ui_folder: Path = UI_FOLDER) -> None:
    """Add the page, its files under `/ui/`, and the list of the API under `/api`."""
    index = ui_folder / "index.html"

    @app.get("/", include_in_schema=False)
    def _page() -> Response:
        return FileResponse(index) if index.is_file() else RedirectResponse("/api")

    @app.get("/api", include_in_schema=False)
    def _api(request: Request) -> HTMLResponse:
        return HTMLResponse(api_page(request.app.openapi()))

    @app.get("/api.css", include_in_schema=False)
    def _style() -> Response:
        return Response(_environment().get_template("api.css").render(), media_type="text/css")

    if ui_folder.is_dir():
        app.mount("/ui", StaticFiles(directory=ui_folder), name="ui")


def api_page(schema: dict[str, Any]) -> str:
    """Write the list of the API, from its OpenAPI description, as a page without script."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            told = {"method": method.upper(), "path": path, **operation}
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(told)
    return _environment().get_template("api.html").render(groups=groups, version=VERSION, notice=NOTICE)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("lucidray.server"), autoescape=True, undefined=jinja2.StrictUndefined
    )
