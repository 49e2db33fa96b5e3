"""The audit log: who read, saw, changed, exported or deleted what, and when. Lines are added, never changed.

Each line carries the SHA-256 of itself and of the line before it: a line that was changed or taken out behind the
database's triggers breaks the chain from there on. Lines hold ids and short words of lucidray's own, never what a file
or a person says of a patient.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from lucidray.store.database import Database
from lucidray.store.tables import audit, now

Action = Literal[
    "uploaded",
    "read",
    "failed",
    "cancelled",
    "saw",
    "edited",
    "signed",
    "reopened",
    "linked",
    "exported",
    "deleted",
    "purged",
    "token_added",
    "token_revoked",
]
START = "0" * 64


@dataclass(frozen=True)
class Line:
    """One line of the log.

    Attributes
    ----------
    number : int
        From 1, without gaps.
    at : str
        ISO 8601, UTC.
    actor : str
        A token's name, ``local`` for the person at the machine, ``service`` for what the service does by itself.
    action : str
    object : str
        Id of a reading, hash of a film, id of a token; empty where there is none.
    detail : str
        In lucidray's own words.
    previous, hash : str
        Of the line before, and of this one.
    """

    number: int
    at: str
    actor: str
    action: str
    object: str
    detail: str
    previous: str
    hash: str


def append(connection: Connection, actor: str, action: Action, thing: str = "", detail: str = "") -> None:
    """Add a line in the transaction of what it tells: neither is ever there without the other.

    Parameters
    ----------
    connection : Connection
        Of `Database.write`, which keeps other writers away.
    actor, action, thing, detail
        See `Line`.
    """
    last = connection.execute(select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)).first()
    number, previous = (last.number + 1, last.hash) if last else (1, START)
    line = Line(number, now(), actor, action, thing, detail, previous, "")
    connection.execute(audit.insert().values(**(asdict(line) | {"hash": _hash(line)})))


def lines(database: Database, *, after: int = 0, limit: int = 1000, thing: str | None = None) -> list[Line]:
    """List lines in their order.

    Parameters
    ----------
    database : Database
    after : int
        Number of the last line that is already known.
    limit : int
        How many at most.
    thing : str, optional
        Only those about this object.
    """
    query = select(audit).where(audit.c.number > after).order_by(audit.c.number).limit(limit)
    if thing is not None:
        query = query.where(audit.c.object == thing)
    with database.read() as connection:
        return [Line(**row) for row in connection.execute(query).mappings()]


def first_broken(database: Database) -> int | None:
    """Return the number of the first line that does not fit the chain, or None where all do."""
    previous, expected = START, 1
    for line in _all(database):
        if line.number != expected or line.previous != previous or line.hash != _hash(line):
            return line.number
        previous, expected = line.hash, line.number + 1
    return None


def count(database: Database) -> int:
    """Return how many lines there are."""
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(audit)).scalar_one()


def _all(database: Database) -> Iterator[Line]:
    after = 0
    while found := lines(database, after=after):
        yield from found
        after = found[-1].number


def _hash(line: Line) -> str:
    told = asdict(line)
    del told["hash"]
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
