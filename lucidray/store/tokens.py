"""Tokens: who may use a service that others can reach.

A token is 256 random bits, which nobody can guess or search through, so that its plain SHA-256 is enough to keep: slow
hashes (scrypt, Argon2) protect what people choose, and would cost a tenth of a second a request. The token itself is
shown once and kept nowhere.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import select

from lucidray.domain.errors import UsageError
from lucidray.store import audit
from lucidray.store.database import Database
from lucidray.store.tables import now, tokens

Role = Literal["reader", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
_PREFIX = "lucidray_"
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Token:
    """A token as it is listed: without its secret."""

    id: str
    name: str
    role: Role
    created: str
    revoked: str | None


def add(database: Database, name: str, role: Role, actor: str) -> str:
    """Make a token and return it; it cannot be shown again.

    Raises
    ------
    UsageError
        The name is taken, too long or not one printable line; there is no such role.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable() or name in ("local", "service"):
        raise UsageError(f"a token's name is one printable line of 1 to {_LONGEST_NAME} characters, not local, service")
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}; there are {', '.join(ROLES)}")
    secret = _PREFIX + secrets.token_urlsafe(32)
    with database.write() as connection:
        if connection.execute(select(tokens.c.id).where(tokens.c.name == name)).first():
            raise UsageError(f"there is a token of the name {name!r} already")
        row = {"id": secrets.token_hex(8), "name": name, "role": role, "digest": _digest(secret), "created": now()}
        connection.execute(tokens.insert().values(**row))
        audit.append(connection, actor, "token_added", row["id"], f"{role}")
    return secret


def revoke(database: Database, name: str, actor: str) -> None:
    """Make a token worthless from now on.

    Raises
    ------
    UsageError
        There is none of that name that still works.
    """
    with database.write() as connection:
        found = connection.execute(select(tokens.c.id).where(tokens.c.name == name, tokens.c.revoked.is_(None))).first()
        if found is None:
            raise UsageError(f"there is no token of the name {name!r} that still works")
        connection.execute(tokens.update().where(tokens.c.id == found.id).values(revoked=now()))
        audit.append(connection, actor, "token_revoked", found.id)


def all_tokens(database: Database) -> list[Token]:
    """List all tokens, oldest first."""
    query = select(*_SHOWN).order_by(tokens.c.created)
    with database.read() as connection:
        return [Token(**row) for row in connection.execute(query).mappings()]


def check(database: Database, secret: str) -> Token | None:
    """Return the token that a secret belongs to, or None where there is none that still works."""
    return _find(database, tokens.c.digest == _digest(secret))


def by_id(database: Database, token_id: str) -> Token | None:
    """Return a token that still works."""
    return _find(database, tokens.c.id == token_id)


_SHOWN = (tokens.c.id, tokens.c.name, tokens.c.role, tokens.c.created, tokens.c.revoked)


def _find(database: Database, condition: object) -> Token | None:
    query = select(*_SHOWN).where(condition, tokens.c.revoked.is_(None))  # type: ignore[arg-type]
    with database.read() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else Token(**row)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
