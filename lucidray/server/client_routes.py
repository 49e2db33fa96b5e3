"""Two routes in the shapes that clients of chest-film services already send: `/explain` and `/analyze`.

Both read one film, keep nothing, and answer with the same fields.
"""

import asyncio
import base64
from io import BytesIO
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from lucidray.domain.judgement import Diagnosis
from lucidray.domain.reading import NOTICE, Reading
from lucidray.domain.vocabulary import Label
from lucidray.reporting import heatmaps
from lucidray.reporting.words import ranked
from lucidray.server import uploads
from lucidray.server.problems import Problem, documented, make, problem_of, respond
from lucidray.server.reading_routes import TheService, drawn
from lucidray.server.service import Service
from lucidray.store.order import Order

router = APIRouter(tags=["existing clients"])

_GONE_S = 0.05
_PNG_LEVEL = 1  # it is sent once: the default level takes longer than the reading itself


class ConfidenceScores(BaseModel):
    """In [0, 1]; null where a source took no part or does not tell."""

    cnn: float | None
    llm: float | None
    fused: float | None


class ClientContradiction(BaseModel):
    """Two sources that do not say the same."""

    pathology: str
    cnn_probability: float | None
    note: str


class ClientBox(BaseModel):
    """A box in pixels of the image that was sent."""

    label: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float


class Explanation(BaseModel):
    """The report's text, with its boxes."""

    text: str
    notice: str
    bboxes: list[ClientBox]


class Analysis(BaseModel):
    """A reading, in the shape of existing clients. `heatmap_base64` is a PNG of the likeliest finding."""

    model_config = ConfigDict(serialize_by_alias=True)

    visual_findings: list[str]
    clinical_reasoning: str
    differential_diagnosis: list[Diagnosis]
    confidence_scores: ConfidenceScores
    risk_level: str | None
    risk_factors: list[str]
    contradictions: list[ClientContradiction]
    heatmap_available: bool
    heatmap_base64: str | None
    explanation: Explanation


def _form(film: str, *, with_symptoms: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {film: {"type": "string", "format": "binary"}}
    if with_symptoms:
        properties["symptoms"] = {"type": "string", "maxLength": 2000}
    schema = {"type": "object", "required": [film], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post(
    "/explain",
    response_model=Analysis,
    responses=documented(408, 413, 415, 422, 503, 504),
    openapi_extra=_form("file", with_symptoms=False),
    summary="Read a film (file)",
)
async def explain(request: Request, service: TheService) -> Response:
    """Read one film and forget it. A refused film answers 422 with the reasons."""
    return await _answer(request, service, "file")


@router.post(
    "/analyze",
    response_model=Analysis,
    responses=documented(408, 413, 415, 422, 503, 504),
    openapi_extra=_form("image", with_symptoms=True),
    summary="Read a film (image, symptoms)",
)
async def analyze(request: Request, service: TheService) -> Response:
    """Read one film with what the person complains of, and forget both. A refused film answers 422 with the reasons."""
    return await _answer(request, service, "image")


async def _answer(request: Request, service: Service, film: str) -> Response:
    async with uploads.form(request, service) as fields:
        order = await run_in_threadpool(uploads.order_of, fields, service, ("symptoms", "language"))
        upload = uploads.files(fields, film)[0]
        name = uploads.film_name(upload.filename)
        service.config.limits.check_bytes(upload.size or 0)
        content = await upload.read()
    outcome = await _read(request, service, content, name, order)
    if not isinstance(outcome, Reading):
        return respond(outcome)
    if not outcome.accepted:
        reasons = " ".join(note.message for note in outcome.refusal)
        refusal = [note.model_dump() for note in outcome.refusal]
        refused = make(422, "refused", reasons, refusal=refusal, notice=NOTICE)
        return respond(refused.model_copy(update={"title": "The film is refused"}))
    analysis = await drawn(service, analysis_of, outcome)
    return JSONResponse(analysis.model_dump(mode="json", by_alias=True))


async def _read(request: Request, service: Service, content: bytes, name: str, order: Order) -> Reading | Problem:
    service.pool.reserve(1)
    job, answer = service.desk.read_now(content, name, order)
    try:
        while not answer.done():
            if await request.is_disconnected():
                return make(409, "stopped", "nobody waits for this reading any more")
            await asyncio.sleep(_GONE_S if job.step == "queued" else _GONE_S / 5)
    finally:
        job.stop.set()
    error = answer.exception()
    return problem_of(error, name=name) if isinstance(error, Exception) else answer.result()


def analysis_of(reading: Reading) -> Analysis:
    """Put an accepted reading, with its evidence, into the shape of existing clients."""
    confidence, risk, report = reading.confidence, reading.risk, reading.report
    heatmap = _heatmap(reading)
    return Analysis(
        visual_findings=[sentence.text for sentence in [*report.findings, *report.locations]],
        clinical_reasoning=" ".join(sentence.text for sentence in report.impression),
        differential_diagnosis=reading.differential,
        confidence_scores=ConfidenceScores(
            cnn=confidence.classifier if confidence else None,
            llm=confidence.reader if confidence else None,
            fused=confidence.fused if confidence else None,
        ),
        risk_level=risk.level if risk else None,
        risk_factors=risk.factors if risk else [],
        contradictions=[
            ClientContradiction(pathology=one.label, cnn_probability=one.classifier_probability, note=one.note)
            for one in reading.contradictions
        ],
        heatmap_available=heatmap is not None,
        heatmap_base64=heatmap,
        explanation=Explanation(
            text=reading.explanation,
            notice=reading.notice,
            bboxes=[
                ClientBox(label=box.label, xmin=x0, ymin=y0, xmax=x1, ymax=y1)
                for box in reading.boxes
                for x0, y0, x1, y1 in [box.box_xyxy_px]
            ],
        ),
    )


def _heatmap(reading: Reading) -> str | None:
    labels: list[Label] = [one.label for one in ranked(reading.findings) if one.label in reading.evidence.heatmaps]
    if not labels:
        return None
    file = BytesIO()
    heatmaps.render(reading, labels[0]).save(file, "PNG", compress_level=_PNG_LEVEL)
    return base64.b64encode(file.getvalue()).decode()
