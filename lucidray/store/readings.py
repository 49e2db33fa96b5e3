"""The readings of the store: a film is on the disk before its row is written, and its row before anybody is told.

A reading belongs to the process that takes it, by a lease which that process renews. Where the process dies, the lease
runs out and any other one reads the film: what was acknowledged is read, whatever happens. Results are taken from the
owner only.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.engine import Connection

from lucidray.domain.errors import ConflictError, NotFoundError
from lucidray.domain.reading import Reading
from lucidray.store import audit
from lucidray.store.database import Database
from lucidray.store.entry import COLUMNS, RANKS, UNFINISHED, Entry, entry
from lucidray.store.films import Films, Received
from lucidray.store.filters import SORTS, Filter, Sort, conditions_of
from lucidray.store.order import Order
from lucidray.store.tables import films as films_table
from lucidray.store.tables import now, reading_findings, readings

SERVICE = "service"
MOST_ATTEMPTS = 3


class Readings:
    """All readings, in whatever state.

    Parameters
    ----------
    database : Database
    films : Films
    """

    def __init__(self, database: Database, films: Films) -> None:
        self.database = database
        self.films = films

    def add(
        self, received: Received, name: str, order: Order, actor: str, *, owner: str | None, lease_until: float
    ) -> Entry:
        """Keep a film and put it into the queue; when this returns, both outlive a power cut.

        Parameters
        ----------
        received : Received
            From `Films.receive`.
        name : str
            What people call the film.
        order : Order
        actor : str
        owner : str or None
            The process that reads it until `lease_until` (Unix time); None leaves it to whoever looks next.
        """
        self.films.keep(received)
        reading_id = secrets.token_hex(16)
        with self.database.write() as connection:
            # A deletion may have taken the same film away since; here nobody else writes.
            self.films.keep(received)
            if not connection.execute(select(films_table.c.sha256).filter_by(sha256=received.sha256)).first():
                connection.execute(
                    films_table.insert().values(sha256=received.sha256, bytes=received.size, created=now())
                )
            self._insert(connection, reading_id, received.sha256, name, order, actor, owner, lease_until)
        return self.get(reading_id)

    def add_again(
        self, film: str, name: str, order: Order, actor: str, *, owner: str | None, lease_until: float
    ) -> Entry:
        """Put a film that is stored already into the queue once more, with another order.

        Raises
        ------
        NotFoundError
            There is no such film.
        """
        reading_id = secrets.token_hex(16)
        with self.database.write() as connection:
            if not connection.execute(select(films_table.c.sha256).filter_by(sha256=film)).first():
                raise NotFoundError("there is no such film")
            self._insert(connection, reading_id, film, name, order, actor, owner, lease_until)
        return self.get(reading_id)

    def _insert(
        self,
        connection: Connection,
        reading_id: str,
        film: str,
        name: str,
        order: Order,
        actor: str,
        owner: str | None,
        lease_until: float,
    ) -> None:
        connection.execute(
            readings.insert().values(
                id=reading_id,
                film=film,
                name=name,
                order_json=order.model_dump_json(),
                status="queued",
                created=now(),
                created_by=actor,
                owner=owner,
                lease_until=lease_until,
            )
        )
        audit.append(connection, actor, "uploaded", reading_id, f"film {film[:12]}")

    def get(self, reading_id: str) -> Entry:
        """Return one entry.

        Raises
        ------
        NotFoundError
            There is none of that id.
        """
        with self.database.read() as connection:
            return _get(connection, reading_id)

    def find(self, wanted: Filter, *, sort: Sort = "risk", limit: int = 50, offset: int = 0) -> tuple[list[Entry], int]:
        """List entries, and how many there are beyond this page."""
        conditions = conditions_of(wanted)
        rows = select(*COLUMNS).where(*conditions).order_by(*SORTS[sort]).limit(limit).offset(offset)
        total = select(func.count()).select_from(readings).where(*conditions)
        with self.database.read() as connection:
            found = [entry(row) for row in connection.execute(rows).mappings()]
            return found, connection.execute(total).scalar_one()

    def document(self, reading_id: str) -> tuple[Reading, bytes]:
        """Return the model's reading and its packed evidence.

        Raises
        ------
        NotFoundError
            There is no reading of that id.
        ConflictError
            The film has not been read (yet).
        """
        query = select(readings.c.status, readings.c.reading_json, readings.c.evidence).where(
            readings.c.id == reading_id
        )
        with self.database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError("there is no such reading")
        if row.reading_json is None:
            raise ConflictError(f"this film has no reading: its status is {row.status}")
        return Reading.model_validate_json(row.reading_json), row.evidence

    def documents(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the JSON of several readings by id; those without one are left out."""
        query = select(readings.c.id, readings.c.reading_json).where(
            readings.c.id.in_(ids), readings.c.reading_json.is_not(None)
        )
        with self.database.read() as connection:
            return {row.id: row.reading_json for row in connection.execute(query)}

    def findings(self, ids: Sequence[str]) -> dict[str, list[tuple[str, str, float | None]]]:
        """Return (label, status, probability) of what is present or uncertain, likeliest first, by reading."""
        shown: dict[str, list[tuple[str, str, float | None]]] = {reading_id: [] for reading_id in ids}
        query = (
            select(reading_findings)
            .where(reading_findings.c.reading.in_(ids), reading_findings.c.status.in_(("present", "uncertain")))
            .order_by(reading_findings.c.status, func.coalesce(reading_findings.c.probability, 2.0).desc())
        )
        with self.database.read() as connection:
            for row in connection.execute(query):
                shown[row.reading].append((row.label, row.status, row.probability))
        return shown

    # The life of a reading

    def begin(self, reading_id: str, owner: str, lease_until: float) -> bool:
        """Begin to read a film, and tell whether it is ours to read and still wanted."""
        return self._change(
            reading_id,
            owner,
            "queued",
            {
                "status": "running",
                "started": now(),
                "lease_until": lease_until,
                "attempts": readings.c.attempts + 1,
            },
        )

    def finish(self, reading_id: str, owner: str, reading: Reading, evidence: bytes) -> bool:
        """Store what was read, all of it or nothing; tells whether the reading was still ours."""
        values = {
            "status": "done",
            "finished": now(),
            "accepted": reading.accepted,
            "risk_rank": RANKS[reading.risk.level] if reading.risk else 0,
            "overall_prob": reading.overall.probability if reading.overall else None,
            "view": reading.image.view,
            "reading_json": reading.model_dump_json(),
            "evidence": evidence,
        }
        rows = [
            {"reading": reading_id, "label": one.label, "status": one.status, "probability": one.probability}
            for one in reading.findings
        ]
        with self.database.write() as connection:
            if not _owned(connection, reading_id, owner, "running", values):
                return False
            if rows:
                connection.execute(reading_findings.insert(), rows)
            used = next((model.name for model in reading.provenance.models if model.role == "reader"), "none")
            outcome = "accepted" if reading.accepted else "refused"
            audit.append(connection, SERVICE, "read", reading_id, f"{outcome}; reader {used}")
        return True

    def fail(self, reading_id: str, owner: str, problem_json: str) -> bool:
        """Note that a film could not be read, and why; tells whether the reading was still ours."""
        values = {"status": "failed", "finished": now(), "problem_json": problem_json}
        with self.database.write() as connection:
            if not _owned(connection, reading_id, owner, "running", values):
                return False
            audit.append(connection, SERVICE, "failed", reading_id)
        return True

    def cancelled(self, reading_id: str, owner: str) -> bool:
        """Note that a reading was given up because somebody asked for it."""
        return self._change(reading_id, owner, "running", {"status": "cancelled", "finished": now()})

    def ask_cancel(self, reading_id: str, actor: str) -> Entry:
        """Ask that a film is not read, or not read to the end.

        Raises
        ------
        NotFoundError
            There is none of that id.
        ConflictError
            It is finished.
        """
        with self.database.write() as connection:
            found = _get(connection, reading_id)
            if found.is_finished:
                raise ConflictError(f"this reading is finished: its status is {found.status}")
            values: dict[str, Any] = {"cancel_asked": True}
            if found.status == "queued":
                values |= {"status": "cancelled", "finished": now()}
            connection.execute(readings.update().where(readings.c.id == reading_id).values(**values))
            audit.append(connection, actor, "cancelled", reading_id)
            return _get(connection, reading_id)

    def renew(self, owner: str, ids: Sequence[str], lease_until: float) -> set[str]:
        """Keep what a process works on, and return the ids that somebody wants cancelled."""
        if not ids:
            return set()
        mine = and_(readings.c.id.in_(ids), readings.c.owner == owner, readings.c.status.in_(UNFINISHED))
        with self.database.write() as connection:
            connection.execute(readings.update().where(mine).values(lease_until=lease_until))
            asked = connection.execute(select(readings.c.id).where(mine, readings.c.cancel_asked))
            return {row.id for row in asked}

    def abandoned(self, at: float) -> int:
        """Count the films whose leases ran out before a Unix time: their process is gone, and nobody reads them."""
        query = select(func.count()).select_from(readings).where(_orphans(at))
        with self.database.read() as connection:
            return connection.execute(query).scalar_one()

    def adopt(self, owner: str, at: float, lease_until: float, limit: int, problem_json: str) -> list[str]:
        """Take over films whose process is gone, oldest first.

        Parameters
        ----------
        owner : str
        at : float
            Unix time; leases before it have run out.
        lease_until : float
        limit : int
            How many there is room for.
        problem_json : str
            What is noted on a film whose reading was begun `MOST_ATTEMPTS` times and ended its process each time.
        """
        with self.database.write() as connection:
            query = select(readings.c.id, readings.c.attempts, readings.c.cancel_asked).where(_orphans(at))
            adopted: list[str] = []
            for row in connection.execute(query.order_by(readings.c.created)).all():
                change = readings.update().where(readings.c.id == row.id)
                if row.cancel_asked:
                    connection.execute(change.values(status="cancelled", finished=now()))
                elif row.attempts >= MOST_ATTEMPTS:
                    connection.execute(change.values(status="failed", finished=now(), problem_json=problem_json))
                    audit.append(connection, SERVICE, "failed", row.id, "given up after several attempts")
                elif len(adopted) < limit:
                    connection.execute(change.values(status="queued", owner=owner, lease_until=lease_until))
                    adopted.append(row.id)
            return adopted

    def release(self, owner: str) -> None:
        """Leave what a process has to the others: it is about to end."""
        mine = and_(readings.c.owner == owner, readings.c.status.in_(UNFINISHED))
        with self.database.write() as connection:
            connection.execute(readings.update().where(mine).values(status="queued", owner=None, lease_until=0.0))

    def _change(self, reading_id: str, owner: str, status: str, values: dict[str, Any]) -> bool:
        with self.database.write() as connection:
            return _owned(connection, reading_id, owner, status, values)

    # What people do

    def saw(self, reading_id: str, actor: str, what: str) -> None:
        """Log that somebody saw a reading or one of its pictures."""
        with self.database.write() as connection:
            audit.append(connection, actor, "saw", reading_id, what)

    def link_prior(self, reading_id: str, prior: str | None, actor: str) -> Entry:
        """Name the earlier reading that this one is compared with; None takes the name away.

        Raises
        ------
        NotFoundError
            One of the two is not there.
        ConflictError
            A reading cannot be its own prior.
        """
        if prior == reading_id:
            raise ConflictError("a film is no earlier film of itself")
        with self.database.write() as connection:
            _get(connection, reading_id)
            if prior is not None:
                _get(connection, prior)
            connection.execute(readings.update().where(readings.c.id == reading_id).values(prior=prior))
            audit.append(connection, actor, "linked", reading_id, f"prior {prior or 'none'}")
            return _get(connection, reading_id)

    def delete(self, reading_id: str, actor: str) -> None:
        """Remove a reading with its edits, and its film where no other reading needs it.

        Raises
        ------
        NotFoundError
            There is none of that id.
        """
        with self.database.write() as connection:
            film = _get(connection, reading_id).film
            connection.execute(readings.delete().where(readings.c.id == reading_id))
            audit.append(connection, actor, "deleted", reading_id)
        self._drop([film], actor)

    def purge(self, before: str, actor: str) -> int:
        """Remove every reading made before a time, as the tables write it, and return how many there were."""
        with self.database.write() as connection:
            old = connection.execute(select(readings.c.id, readings.c.film).where(readings.c.created < before)).all()
            for row in old:
                connection.execute(readings.delete().where(readings.c.id == row.id))
                audit.append(connection, actor, "purged", row.id)
        self._drop(sorted({row.film for row in old}), actor)
        return len(old)

    def clear_orphans(self) -> int:
        """Remove films that no reading needs: what a crash in the middle of an upload or a deletion left."""
        return self._drop(self.films.all(), SERVICE)

    def _drop(self, hashes: Sequence[str], actor: str) -> int:
        dropped = 0
        for sha256 in hashes:
            # Inside the writers' lock: an upload of the same film comes wholly before this, or wholly after it.
            with self.database.write() as connection:
                if connection.execute(select(readings.c.id).where(readings.c.film == sha256).limit(1)).first():
                    continue
                connection.execute(films_table.delete().where(films_table.c.sha256 == sha256))
                self.films.remove(sha256)
                audit.append(connection, actor, "deleted", sha256, "film")
                dropped += 1
        return dropped


def _get(connection: Connection, reading_id: str) -> Entry:
    row = connection.execute(select(*COLUMNS).where(readings.c.id == reading_id)).mappings().first()
    if row is None:
        raise NotFoundError("there is no such reading")
    return entry(row)


def _orphans(at: float) -> ColumnElement[bool]:
    return and_(readings.c.status.in_(UNFINISHED), readings.c.lease_until < at)


def _owned(connection: Connection, reading_id: str, owner: str, status: str, values: dict[str, Any]) -> bool:
    mine = and_(readings.c.id == reading_id, readings.c.owner == owner, readings.c.status == status)
    return connection.execute(readings.update().where(mine).values(**values)).rowcount == 1
