"""What people change, and their signature. A change names the version that it was made from."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from lucidray.domain.errors import ConflictError, UsageError
from lucidray.domain.vocabulary import Label
from lucidray.server.problems import VersionMissingError, documented
from lucidray.server.reading_routes import ReadingId, TheService, Who
from lucidray.server.service import Service
from lucidray.server.shapes import Detail, detail
from lucidray.store.edits import Decision, Edit, EditedBox, EditedReport, Version

router = APIRouter(prefix="/api/v1/readings/{reading_id}", tags=["edits"])

IfMatch = Annotated[str | None, Header(description='The version that the change was made from, for example "0".')]
_CHANGES = documented(404, 409, 412, 422, 428)


class Change(BaseModel):
    """Parts of an edit: what is not named stays as it is; null goes back to the model's version."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"decisions": {"Effusion": "accepted", "Nodule": "rejected"}}]},
    )

    report: EditedReport | None = None
    decisions: dict[Label, Decision | None] = Field(default_factory=dict)
    boxes: Annotated[list[EditedBox], Field(max_length=200)] | None = None
    note: Annotated[str, Field(max_length=4000)] | None = None


@router.get("/edits", responses=documented(404, 422), summary="All edits, first one first")
def history(reading_id: ReadingId, service: TheService) -> list[Version]:
    """Return every version that people made; the model's own is never among them and never changed."""
    service.readings.get(reading_id)
    return service.edits.history(reading_id)


@router.put("/edit", responses=_CHANGES, summary="Replace the edit")
def put_edit(
    reading_id: ReadingId, edit: Edit, service: TheService, who: Who, response: Response, if_match: IfMatch = None
) -> Detail:
    """Store a whole edit as the next version."""
    return _save(reading_id, edit, service, who.name, response, based_on(if_match))


@router.patch("/edit", responses=_CHANGES, summary="Change parts of the edit")
def patch_edit(
    reading_id: ReadingId, change: Change, service: TheService, who: Who, response: Response, if_match: IfMatch = None
) -> Detail:
    """Store the latest edit with some parts changed as the next version: text, verdicts on findings, boxes, a note."""
    number = based_on(if_match)
    latest = service.edits.latest(reading_id)
    edit = latest.edit if latest else Edit()
    given = change.model_fields_set
    decisions = {**edit.decisions, **change.decisions}
    edit = Edit(
        report=change.report if "report" in given else edit.report,
        decisions={label: decision for label, decision in decisions.items() if decision is not None},
        boxes=change.boxes if "boxes" in given else edit.boxes,
        note=(change.note or "") if "note" in given else edit.note,
    )
    return _save(reading_id, edit, service, who.name, response, number)


@router.put("/signature", responses=_CHANGES, summary="Sign")
def sign(reading_id: ReadingId, service: TheService, who: Who, response: Response, if_match: IfMatch = None) -> Detail:
    """Sign the version that was seen. Nothing can be changed until the signature is taken back."""
    service.edits.sign(reading_id, who.name, based_on=based_on(if_match))
    return _answer(reading_id, service, response)


@router.delete("/signature", responses=documented(404, 422), summary="Take the signature back")
def reopen(reading_id: ReadingId, service: TheService, who: Who, response: Response) -> Detail:
    """Open a signed reading again; the audit log keeps both."""
    service.readings.get(reading_id)
    service.edits.reopen(reading_id, who.name)
    return _answer(reading_id, service, response)


def based_on(if_match: str | None) -> int:
    """Return the number of the version that If-Match names.

    Raises ------ VersionMissingError There is no such header. UsageError It is no ETag of ours.
    """
    if if_match is None:
        raise VersionMissingError('a change names the version that it was made from: If-Match: "0"')
    found = re.fullmatch(r'(?:W/)?"?(\d{1,9})"?', if_match.strip())
    if found is None:
        raise UsageError("If-Match is the ETag of the reading, a number in quotes")
    return int(found[1])


def _save(reading_id: str, edit: Edit, service: Service, who: str, response: Response, number: int) -> Detail:
    found = service.readings.get(reading_id)
    if found.status != "done":
        raise ConflictError(f"only a finished reading can be edited: the status of this one is {found.status}")
    reading, _ = service.readings.document(reading_id)
    service.edits.save(reading_id, edit, reading, who, based_on=number)
    return _answer(reading_id, service, response)


def _answer(reading_id: str, service: Service, response: Response) -> Detail:
    found = service.readings.get(reading_id)
    response.headers["ETag"] = f'"{found.edit_number}"'
    return detail(found, service)
