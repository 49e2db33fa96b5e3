"""What a viewer shows: the film, its values, its layers, and the report as a page."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from lucidray.domain.reading import ImageFacts
from lucidray.server.problems import documented
from lucidray.server.reading_routes import ReadingId, TheService, Who, drawn

router = APIRouter(prefix="/api/v1/readings/{reading_id}", tags=["pictures"])

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "A PNG picture"}}
VALUES_TYPE = "application/vnd.lucidray.film-u16"


class WindowFacts(BaseModel):
    """A window of the file, in values after the modality transform."""

    center: float
    width: float
    function: str


class FilmFacts(BaseModel):
    """Everything that a viewer needs beside the pixels.

    A pixel u of `film.u16` has the value ``slope * u + intercept`` in `unit`. `tone` is the grey in [0, 1] that
    lucidray shows, at evenly spaced u from 0 to `top`: the file's windows, tables and inversion together.
    `inverted` says that low values are bright. Boxes, outlines and pixels have the orientation of the stored image;
    a viewer turns it by `quarter_turns` counter-clockwise quarter turns, and inverts it where `read_inverted`, to
    show it as it was read.
    """

    width_px: int
    height_px: int
    top: int
    slope: float
    intercept: float
    unit: str
    inverted: bool
    window: WindowFacts | None
    tone: list[float]
    quarter_turns: int
    read_inverted: bool
    image: ImageFacts


@router.get("/film", responses=documented(404, 409, 415, 422), summary="How to show the film")
async def film_facts(reading_id: ReadingId, service: TheService) -> FilmFacts:
    """Return size, value range, window and orientation of the film."""
    reading = await drawn(service, service.pictures.reading, reading_id)
    values = await drawn(service, service.pictures.values, reading_id)
    height, width = values.values.shape
    window = values.window
    return FilmFacts(
        width_px=width,
        height_px=height,
        top=values.top,
        slope=values.slope,
        intercept=values.intercept,
        unit=values.unit,
        inverted=values.inverted,
        window=None
        if window is None
        else WindowFacts(center=window.center, width=window.width, function=window.function),
        tone=[round(grey, 5) for grey in values.tone.tolist()],
        quarter_turns=reading.evidence.film.quarter_turns,
        read_inverted=any(note.code == "inverted" for note in reading.image.corrections),
        image=reading.image,
    )


@router.get(
    "/film.u16",
    response_class=Response,
    responses=documented(404, 415, 422) | {200: {"content": {VALUES_TYPE: {}}, "description": "Values, row by row"}},
    summary="The film's values, 16 bits a pixel",
)
async def film_values(reading_id: ReadingId, service: TheService, who: Who) -> Response:
    """Return width times height little-endian unsigned 16-bit numbers, row by row from the upper left.

    The headers X-Film-Width and X-Film-Height give the size, X-Film-Slope, X-Film-Intercept and X-Film-Top what
    `film` tells.
    """
    values = await drawn(service, service.pictures.values, reading_id)
    await run_in_threadpool(service.readings.saw, reading_id, who.name, "film values")
    height, width = values.values.shape
    headers = {
        "X-Film-Width": str(width),
        "X-Film-Height": str(height),
        "X-Film-Slope": repr(values.slope),
        "X-Film-Intercept": repr(values.intercept),
        "X-Film-Top": str(values.top),
    }
    return Response(values.values.astype("<u2").tobytes(), media_type=VALUES_TYPE, headers=headers)


@router.get("/film.png", response_class=Response, responses=PNG | documented(404, 415, 422), summary="The film")
async def film_png(
    reading_id: ReadingId,
    service: TheService,
    who: Who,
    center: Annotated[float | None, Query(allow_inf_nan=False, description="Of a window, in the film's values")] = None,
    width: Annotated[float | None, Query(ge=1, allow_inf_nan=False)] = None,
    longest_px: Annotated[int | None, Query(ge=16, le=8192, description="Of the longer side, at most")] = None,
) -> Response:
    """Return the stored film in 8 bits, with the file's own window or another one."""
    draw = partial(service.pictures.film_png, reading_id, center=center, width=width, longest_px=longest_px)
    picture = await drawn(service, draw)
    await run_in_threadpool(service.readings.saw, reading_id, who.name, "film")
    return Response(picture, media_type="image/png")


@router.get(
    "/upscaled/{which}.png",
    response_class=Response,
    responses=PNG | documented(404, 409, 415, 422),
    summary="An upscaled film",
)
async def upscaled_png(
    reading_id: ReadingId, which: Literal["before", "after", "added"], service: TheService, who: Who
) -> Response:
    """Return an upscaled film as it came, as it was read, or what the method added to plain interpolation."""
    picture = await drawn(service, service.pictures.upscaled, reading_id, which)
    await run_in_threadpool(service.readings.saw, reading_id, who.name, "upscaled film")
    return Response(picture, media_type="image/png")


@router.get("/layers", responses=documented(404, 409, 415, 422), summary="Outlines of the organs")
async def layers(reading_id: ReadingId, service: TheService) -> dict[str, Any]:
    """Return closed outlines of lungs, heart and clavicles, and the lines of the cardiothoracic ratio.

    All are in pixels of the stored image; `heatmaps` names the findings that have one.
    """
    found: dict[str, Any] = await drawn(service, service.pictures.layers, reading_id)
    return found


@router.get(
    "/overlay.png", response_class=Response, responses=PNG | documented(404, 409, 415, 422), summary="Film and boxes"
)
async def overlay_png(reading_id: ReadingId, service: TheService, who: Who) -> Response:
    """Return the film with the model's boxes and the patient's sides."""
    picture = await drawn(service, service.pictures.overlay, reading_id)
    await run_in_threadpool(service.readings.saw, reading_id, who.name, "overlay")
    return Response(picture, media_type="image/png")


@router.get(
    "/heatmaps/{finding}.png",
    response_class=Response,
    responses=PNG | documented(404, 409, 415, 422),
    summary="Where a finding's score comes from",
)
async def heatmap_png(
    reading_id: ReadingId,
    finding: str,
    service: TheService,
    who: Who,
    layer: Annotated[bool, Query(description="The heat alone, see-through, to lay over the stored film")] = False,
) -> Response:
    """Return the heatmap of a finding, for example ``effusion`` or ``pleural-thickening``."""
    picture = await drawn(service, partial(service.pictures.heatmap, reading_id, finding, layer=layer))
    await run_in_threadpool(service.readings.saw, reading_id, who.name, "heatmap")
    return Response(picture, media_type="image/png")


@router.get(
    "/report.html",
    response_class=HTMLResponse,
    responses=documented(404, 409, 415, 422),
    summary="The report as a page of its own",
)
async def report_html(reading_id: ReadingId, service: TheService, who: Who) -> HTMLResponse:
    """Return the model's report as one self-contained page, sandboxed."""
    page, policy = await drawn(service, service.pictures.report, reading_id)
    await run_in_threadpool(service.readings.saw, reading_id, who.name, "report")
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"})
