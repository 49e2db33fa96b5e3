"""A line of the worklist."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy.engine import RowMapping

from lucidray.store.order import Order
from lucidray.store.tables import readings

Status = Literal["queued", "running", "done", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
UNFINISHED: tuple[Status, ...] = ("queued", "running")
RANKS = {"Low": 1, "Moderate": 2, "High": 3}


@dataclass(frozen=True)
class Entry:
    """One reading, without its text and evidence.

    Attributes
    ----------
    id : str
        32 hexadecimal digits.
    film : str
        Hash of the film.
    name : str
        What people call the film: often a patient's name, so lists hide it.
    order : Order
    status : Status
        A refused film is `done`: it has a reading that says why.
    created, started, finished : str
        ISO 8601, UTC.
    created_by : str
    attempts : int
        How often its reading was begun.
    cancel_asked : bool
    accepted : bool or None
        Whether the gate let the film pass; None until it is read.
    risk_rank : int
        3 high, 2 moderate, 1 low, 0 not told.
    overall_prob : float or None
        That anything at all is abnormal.
    view : str or None
    problem_json : str or None
        Why the reading failed, as a problem detail (RFC 9457).
    prior : str or None
        Id of the reading that it is compared with.
    edit_number : int
        Number of people's latest edit; 0 where there is none.
    signed_by, signed_at : str or None
    owner : str or None
        The process that has it.
    """

    id: str
    film: str
    name: str
    order: Order
    status: Status
    created: str
    created_by: str
    started: str | None
    finished: str | None
    attempts: int
    cancel_asked: bool
    accepted: bool | None
    risk_rank: int
    overall_prob: float | None
    view: str | None
    problem_json: str | None
    prior: str | None
    edit_number: int
    signed_by: str | None
    signed_at: str | None
    owner: str | None

    @property
    def risk_level(self) -> str | None:
        """Low, Moderate, High, or None where the reading tells none."""
        return next((level for level, rank in RANKS.items() if rank == self.risk_rank), None)

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status not in UNFINISHED


COLUMNS = [column for column in readings.c if column.name not in ("reading_json", "evidence", "lease_until")]


def entry(row: RowMapping) -> Entry:
    """Make an entry of a row of `COLUMNS`."""
    values: dict[str, Any] = dict(row)
    values["order"] = Order.model_validate_json(values.pop("order_json"))
    return Entry(**values)
