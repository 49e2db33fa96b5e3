"""What the API answers with, as JSON."""

import json
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lucidray.domain.errors import InputError
from lucidray.domain.reading import NOTICE, Reading
from lucidray.imaging.dicom import read_patient
from lucidray.server.problems import Problem
from lucidray.server.service import Service
from lucidray.store.edits import Version
from lucidray.store.entry import Entry, Status
from lucidray.store.films import Films
from lucidray.store.order import Order


class FindingShown(BaseModel):
    """A finding that is present or uncertain."""

    label: str
    status: str
    probability: float | None


class Identity(BaseModel):
    """What could tell a patient: given in lists only where the service was started with --show-identity."""

    name: str
    patient_name: str = ""
    patient_id: str = ""
    study_instance_uid: str | None = None
    symptoms: str | None = None


class Item(BaseModel):
    """A line of the worklist.

    `title` names the film without telling whose it is; `film` is the hash of its bytes; `step` is what a reading is at;
    `created` is when it came in: sorted by risk, the one that has waited longest comes first among equals.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0f5c4c1e6d6b4a0c8a55d1b7a8c0f3a1",
                    "title": "Film 0F5C4C",
                    "status": "done",
                    "step": None,
                    "created": "2026-01-01T12:00:00.000000+00:00",
                    "finished": "2026-01-01T12:00:00.100000+00:00",
                    "created_by": "local",
                    "film": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "reader": "composer",
                    "language": "en",
                    "accepted": True,
                    "risk_level": "High",
                    "overall_probability": 0.91,
                    "view": "PA",
                    "findings": [{"label": "Effusion", "status": "present", "probability": 0.63}],
                    "edit_number": 0,
                    "signed_by": None,
                    "signed_at": None,
                    "prior": None,
                    "cancel_asked": False,
                    "identity": None,
                    "problem": None,
                }
            ]
        }
    )

    id: str
    title: str
    status: Status
    step: str | None
    created: str
    finished: str | None
    created_by: str
    film: str
    reader: str
    language: str
    accepted: bool | None
    risk_level: str | None
    overall_probability: float | None
    view: str | None
    findings: list[FindingShown]
    edit_number: int
    signed_by: str | None
    signed_at: str | None
    prior: str | None
    cancel_asked: bool
    identity: Identity | None
    problem: Problem | None


class Worklist(BaseModel):
    """A page of the worklist; `total` counts all lines that the filter lets through."""

    notice: str = NOTICE
    items: list[Item]
    total: int
    limit: int
    offset: int


class Taken(BaseModel):
    """What became of an upload: the readings that were queued, or finished where waited for, and what was no film."""

    readings: list[Item]
    problems: list["FilmProblem"] = Field(default_factory=list)


class FilmProblem(BaseModel):
    """Why one film of an upload was not taken; `number` counts the films from 0."""

    number: int
    problem: Problem


class Detail(Item):
    """A reading with everything about it.

    `reading` is the model's version and never changes; `edit` is the latest of people's; `text` is the report as it now
    stands. The ETag of the answer is the number of the edit: a change names it in If-Match.
    """

    order: Order
    reading: Reading | None
    edit: Version | None
    text: str | None


def items(found: list[Entry], service: Service) -> list[Item]:
    """Make lines of the worklist."""
    findings = service.readings.findings([one.id for one in found])
    shown = service.config.show_identity
    documents = service.readings.documents([one.id for one in found]) if shown else {}
    return [
        Item(
            **_facts(one, service, findings[one.id], _identity(one, documents.get(one.id), service) if shown else None)
        )
        for one in found
    ]


def detail(found: Entry, service: Service) -> Detail:
    """Make the whole of one reading."""
    findings = service.readings.findings([found.id])[found.id]
    document = service.readings.documents([found.id]).get(found.id)
    reading = None if document is None else Reading.model_validate_json(document)
    edit = service.edits.latest(found.id)
    facts = _facts(found, service, findings, _identity(found, document, service))
    if found.problem_json is not None:
        facts["problem"] = Problem.model_validate_json(found.problem_json)
    return Detail(**facts, order=found.order, reading=reading, edit=edit, text=text_of(reading, edit))


def text_of(reading: Reading | None, edit: Version | None) -> str | None:
    """Return the report's plain text as it now stands."""
    if edit is not None and edit.edit.report is not None:
        sections = (
            ("FINDINGS", edit.edit.report.findings),
            ("LOCATIONS", edit.edit.report.locations),
            ("IMPRESSION", edit.edit.report.impression),
        )
        return "\n\n".join(f"{heading}\n{text.strip()}" for heading, text in sections if text.strip())
    return None if reading is None else reading.report.text


def title(reading_id: str) -> str:
    """Name a film without telling whose it is."""
    return f"Film {reading_id[:6].upper()}"


def _facts(
    found: Entry, service: Service, findings: list[tuple[str, str, float | None]], identity: Identity | None
) -> dict[str, Any]:
    problem = None
    if found.problem_json is not None:
        problem = Problem.model_validate_json(found.problem_json)
        # Its words may name the file.
        problem = problem.model_copy(update={"detail": problem.title})
    return {
        "id": found.id,
        "title": title(found.id),
        "status": found.status,
        "step": service.desk.step(found.id),
        "created": found.created,
        "finished": found.finished,
        "created_by": found.created_by,
        "film": found.film,
        "reader": found.order.reader,
        "language": found.order.language,
        "accepted": found.accepted,
        "risk_level": found.risk_level,
        "overall_probability": found.overall_prob,
        "view": found.view,
        "findings": [FindingShown(label=label, status=status, probability=prob) for label, status, prob in findings],
        "edit_number": found.edit_number,
        "signed_by": found.signed_by,
        "signed_at": found.signed_at,
        "prior": found.prior,
        "cancel_asked": found.cancel_asked,
        "identity": identity,
        "problem": problem,
    }


def _identity(found: Entry, document: str | None, service: Service) -> Identity:
    dicom = None if document is None else json.loads(document)["image"]["dicom"]
    patient_name, patient_id = ("", "")
    if service.config.show_identity and dicom is not None:
        patient_name, patient_id = _patient(service.readings.films, found.film)
    return Identity(
        name=found.name,
        patient_name=patient_name,
        patient_id=patient_id,
        study_instance_uid=None if dicom is None else dicom["study_instance_uid"],
        symptoms=found.order.symptoms,
    )


@lru_cache(maxsize=2048)
def _patient(films: Films, sha256: str) -> tuple[str, str]:
    """Read whose film it is from its own header; no table keeps it."""
    from lucidray.imaging.limits import DEFAULT_LIMITS  # noqa: PLC0415

    try:
        return read_patient(films.read(sha256), DEFAULT_LIMITS)
    except InputError:
        return "", ""
