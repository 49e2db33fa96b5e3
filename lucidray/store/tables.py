"""The tables of the store. What they look like on disk is made by the migrations; a test holds the two together.

Times are ISO 8601 in UTC with microseconds: text of one width, which sorts as time does in every database.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData()

films = Table(
    "films",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("bytes", Integer, nullable=False),
    Column("created", String(32), nullable=False),
)

readings = Table(
    "readings",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("film", String(64), ForeignKey("films.sha256"), nullable=False),
    Column("name", Text, nullable=False),
    Column("order_json", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created", String(32), nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("started", String(32)),
    Column("finished", String(32)),
    Column("owner", String(64)),
    Column("lease_until", Float, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("cancel_asked", Boolean, nullable=False, server_default=text("false")),
    Column("accepted", Boolean),
    Column("risk_rank", Integer, nullable=False, server_default=text("0")),
    Column("overall_prob", Float),
    Column("view", String(16)),
    Column("reading_json", Text),
    Column("evidence", LargeBinary),
    Column("problem_json", Text),
    Column("prior", String(32), ForeignKey("readings.id", ondelete="SET NULL")),
    Column("edit_number", Integer, nullable=False, server_default=text("0")),
    Column("signed_by", String(80)),
    Column("signed_at", String(32)),
    Index("readings_worklist", "risk_rank", "created"),
    Index("readings_status", "status", "lease_until"),
    Index("readings_film", "film"),
)

reading_findings = Table(
    "reading_findings",
    METADATA,
    Column("reading", String(32), ForeignKey("readings.id", ondelete="CASCADE"), primary_key=True),
    Column("label", String(32), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("probability", Float),
    Index("reading_findings_label", "label", "status"),
)

edits = Table(
    "edits",
    METADATA,
    Column("reading", String(32), ForeignKey("readings.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("author", String(80), nullable=False),
    Column("created", String(32), nullable=False),
    Column("edit_json", Text, nullable=False),
)

audit = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("action", String(32), nullable=False),
    Column("object", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

tokens = Table(
    "tokens",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created", String(32), nullable=False),
    Column("revoked", String(32)),
)


def now() -> str:
    """Return the time as the tables hold it."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """Write a time as the tables hold it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
