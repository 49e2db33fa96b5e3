"""What people make of a reading: their text, their verdict on each finding, their boxes, their signature.

The model's version is never touched, and every edit is kept under its number. An edit names the number that it was made
from: where somebody else was quicker, it is refused and nothing is lost.
"""

import secrets
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select

from lucidray.domain.errors import ConflictError, NotFoundError, UsageError
from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import Label
from lucidray.store import audit
from lucidray.store.database import Database
from lucidray.store.tables import edits, now, readings

Decision = Literal["accepted", "rejected"]
_Text = Annotated[str, Field(max_length=20_000)]


class StaleEditError(ConflictError):
    """The edit was made from a version that is not the latest any more."""

    http_status = 412


class EditedReport(BaseModel):
    """The report's text as a person wants it, a text a section."""

    model_config = ConfigDict(extra="forbid")

    findings: _Text = ""
    locations: _Text = ""
    impression: _Text = ""


class EditedBox(BaseModel):
    """A box as a person wants it, in pixels of the stored image.

    `id` is that of the model's region where the box began as one; a box without an id is new and is given one. `origin`
    says whose box it is: `model` untouched, `moved` by a person, `person` drawn by one; the server decides it.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    id: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]+$")] | None = None
    label: Label
    box_xyxy_px: tuple[float, float, float, float]
    origin: Literal["model", "moved", "person"] | None = None

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        x0, y0, x1, y1 = self.box_xyxy_px
        if not (x1 > x0 and y1 > y0):
            raise ValueError("a box is (x0, y0, x1, y1) with x1 > x0 and y1 > y0")
        return self


class Edit(BaseModel):
    """Everything that a person changed; null where the model's version holds.

    `decisions` has one entry a finding that the person decided; `boxes`, where given, are all boxes.
    """

    model_config = ConfigDict(extra="forbid")

    report: EditedReport | None = None
    decisions: dict[Label, Decision] = Field(default_factory=dict)
    boxes: Annotated[list[EditedBox], Field(max_length=200)] | None = None
    note: Annotated[str, Field(max_length=4000)] = ""


class Version(BaseModel):
    """One edit as it was stored."""

    number: int
    author: str
    created: str
    edit: Edit


class Edits:
    """The edits of all readings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, reading_id: str) -> list[Version]:
        """Return all edits of a reading, first one first."""
        query = select(edits).where(edits.c.reading == reading_id).order_by(edits.c.number)
        with self._database.read() as connection:
            return [
                Version(
                    number=row.number,
                    author=row.author,
                    created=row.created,
                    edit=Edit.model_validate_json(row.edit_json),
                )
                for row in connection.execute(query)
            ]

    def latest(self, reading_id: str) -> Version | None:
        """Return the latest edit of a reading, or None where nobody edited it."""
        history = self.history(reading_id)
        return history[-1] if history else None

    def save(self, reading_id: str, edit: Edit, reading: Reading, actor: str, *, based_on: int) -> Version:
        """Store an edit as the next version.

        Parameters
        ----------
        reading_id : str
        edit : Edit
        reading : Reading
            The model's, which the boxes are checked against.
        actor : str
        based_on : int
            Number of the version that the person saw; 0 for the model's.

        Raises
        ------
        StaleEditError
            There is a newer version.
        ConflictError
            The reading is signed.
        UsageError
            A box lies outside the film.
        """
        edit = settled(edit, reading)
        with self._database.write() as connection:
            state = connection.execute(
                select(readings.c.edit_number, readings.c.signed_at).where(readings.c.id == reading_id)
            ).first()
            _check(state, based_on)
            if state is not None and state.signed_at is not None:
                raise ConflictError("this reading is signed: take the signature back before changing it")
            version = Version(number=based_on + 1, author=actor, created=now(), edit=edit)
            connection.execute(
                edits.insert().values(
                    reading=reading_id,
                    number=version.number,
                    author=actor,
                    created=version.created,
                    edit_json=edit.model_dump_json(),
                )
            )
            connection.execute(readings.update().where(readings.c.id == reading_id).values(edit_number=version.number))
            audit.append(connection, actor, "edited", reading_id, f"version {version.number}")
        return version

    def sign(self, reading_id: str, actor: str, *, based_on: int) -> None:
        """Sign the version that a person saw.

        Raises
        ------
        StaleEditError
            There is a newer version.
        ConflictError
            The reading is signed already, or not read.
        """
        with self._database.write() as connection:
            query = select(readings.c.edit_number, readings.c.signed_at, readings.c.status)
            state = connection.execute(query.where(readings.c.id == reading_id)).first()
            _check(state, based_on)
            if state is not None and state.status != "done":
                raise ConflictError(f"only a finished reading can be signed: the status of this one is {state.status}")
            if state is not None and state.signed_at is not None:
                raise ConflictError("this reading is signed already")
            change = readings.update().where(readings.c.id == reading_id)
            connection.execute(change.values(signed_by=actor, signed_at=now()))
            audit.append(connection, actor, "signed", reading_id, f"version {based_on}")

    def reopen(self, reading_id: str, actor: str) -> None:
        """Take a signature back; the log keeps that it was there.

        Raises
        ------
        NotFoundError
            There is no such reading, or it is not signed.
        """
        with self._database.write() as connection:
            signed = readings.update().where(readings.c.id == reading_id, readings.c.signed_at.is_not(None))
            if connection.execute(signed.values(signed_by=None, signed_at=None)).rowcount != 1:
                raise NotFoundError("there is no signature to take back")
            audit.append(connection, actor, "reopened", reading_id)


def settled(edit: Edit, reading: Reading) -> Edit:
    """Give new boxes their ids, and say of each box whose it is.

    Raises
    ------
    UsageError
        A box lies outside the film, or two have one id.
    """
    if edit.boxes is None:
        return edit
    regions = {region.id: region for region in reading.boxes}
    width, height = reading.image.width_px, reading.image.height_px
    boxes = []
    for box in edit.boxes:
        x0, y0, x1, y1 = box.box_xyxy_px
        if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            raise UsageError(f"a box of {box.label} lies outside the film of {width} x {height} pixels")
        region = regions.get(box.id or "")
        if region is None:
            origin: Literal["model", "moved", "person"] = "person"
        else:
            same = (
                region.label == box.label
                and max(abs(a - b) for a, b in zip(region.box_xyxy_px, box.box_xyxy_px, strict=True)) < 0.01
            )
            origin = "model" if same else "moved"
        boxes.append(box.model_copy(update={"id": box.id or f"box-{secrets.token_hex(6)}", "origin": origin}))
    doubled = [name for name, times in Counter(box.id for box in boxes).items() if times > 1]
    if doubled:
        raise UsageError(f"two boxes have the id {doubled[0]}")
    return edit.model_copy(update={"boxes": boxes})


def _check(state: object, based_on: int) -> None:
    if state is None:
        raise NotFoundError("there is no such reading")
    latest = state.edit_number  # type: ignore[attr-defined]
    if latest != based_on:
        raise StaleEditError(f"this was made from version {based_on}, and there is a version {latest} by now")
