"""Logs as JSON lines on stderr: what happened, never to whom. No file name, no symptom, no word of a report."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("lucidray.server")
_FIELDS = "lucidray_fields"


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; fields come from `log`."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(line | getattr(record, _FIELDS, {}), ensure_ascii=True)


def log(event: str, level: int = logging.INFO, **fields: str | int | float | bool | None) -> None:
    """Write a line.

    Parameters
    ----------
    event : str
        One of lucidray's own words.
    level : int
    fields
        Numbers, ids and names of lucidray's own.
    """
    LOGGER.log(level, event, extra={_FIELDS: fields})


def log_fault(error: BaseException, **fields: str | int | float | bool | None) -> None:
    """Write where an error came from; its words are left out, since they may name a file or repeat what was typed."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames[::-1][:6])
    log("fault", logging.ERROR, kind=type(error).__name__, where=where, **fields)


def set_up() -> None:
    """Write the service's log to stderr, and uvicorn's faults with it; its access log names paths and stays off."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("lucidray.server", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    # These repeat pieces of what was sent.
    for name in ("uvicorn.access", "python_multipart", "multipart"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
