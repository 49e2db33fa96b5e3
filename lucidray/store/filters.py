"""Which lines of the worklist are wanted, and in which order."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select

from lucidray.store.entry import RANKS, Status
from lucidray.store.tables import reading_findings, readings

Sort = Literal["risk", "newest", "oldest", "probability"]
SORTS: dict[Sort, tuple[Any, ...]] = {
    # The one that has waited longest comes first among equals.
    "risk": (readings.c.risk_rank.desc(), readings.c.created, readings.c.id),
    "newest": (readings.c.created.desc(), readings.c.id),
    "oldest": (readings.c.created, readings.c.id),
    "probability": (func.coalesce(readings.c.overall_prob, -1.0).desc(), readings.c.created, readings.c.id),
}


@dataclass(frozen=True)
class Filter:
    """Which lines of the worklist are wanted; None stands for all.

    Attributes
    ----------
    status, accepted, risk, signed
        As in `Entry`.
    finding : str or None
        Label of a finding that is present or uncertain.
    since, until : str or None
        Of `created`, as the tables write times.
    film : str or None
        Hash: all readings of one film.
    """

    status: tuple[Status, ...] = field(default=())
    accepted: bool | None = None
    risk: tuple[str, ...] = field(default=())
    signed: bool | None = None
    finding: str | None = None
    since: str | None = None
    until: str | None = None
    film: str | None = None


def conditions_of(wanted: Filter) -> list[ColumnElement[bool]]:
    """Return what a row of `readings` must meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.status:
        conditions.append(readings.c.status.in_(wanted.status))
    if wanted.accepted is not None:
        conditions.append(readings.c.accepted == wanted.accepted)
    if wanted.risk:
        conditions.append(readings.c.risk_rank.in_([RANKS[level] for level in wanted.risk]))
    if wanted.signed is not None:
        conditions.append(readings.c.signed_at.is_not(None) if wanted.signed else readings.c.signed_at.is_(None))
    if wanted.finding is not None:
        shown = and_(
            reading_findings.c.reading == readings.c.id,
            reading_findings.c.label == wanted.finding,
            or_(reading_findings.c.status == "present", reading_findings.c.status == "uncertain"),
        )
        conditions.append(select(reading_findings.c.reading).where(shown).exists())
    if wanted.since is not None:
        conditions.append(readings.c.created >= wanted.since)
    if wanted.until is not None:
        conditions.append(readings.c.created < wanted.until)
    if wanted.film is not None:
        conditions.append(readings.c.film == wanted.film)
    return conditions
