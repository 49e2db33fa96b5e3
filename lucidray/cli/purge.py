"""`lucidray purge`: remove old readings and their films from the service's store."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.cli.store import ACTOR, open_store, store_options
from lucidray.domain.errors import UsageError

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@click.command("purge", short_help="Remove old readings and their films from the service's store.")
@click.option("--older-than", required=True, metavar="AGE", help="For example 30d, 12h or 8w.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_options
@pass_session
def command(session: Session, /, older_than: str, yes: bool, database: str | None, folder: Path | None) -> None:
    """Remove every reading that came in longer ago than AGE.

    Its texts and edits go, and its film where no later reading needs it. The audit log keeps a line for each.
    """
    before = datetime.now(UTC) - age(older_than)
    opened, readings = open_store(session.settings(database=database, folder=folder))
    from lucidray.store.filters import Filter
    from lucidray.store.tables import stamp

    count = readings.find(Filter(until=stamp(before)), limit=1)[1]
    if count and not yes:
        click.confirm(f"remove {count} readings from before {before:%Y-%m-%d %H:%M} UTC?", abort=True, err=True)
    removed = readings.purge(stamp(before), ACTOR)
    opened.close()
    streams.say(f"{removed} readings removed")


def age(text: str) -> timedelta:
    """Return the length of time that a text such as ``30d`` tells.

    Raises
    ------
    UsageError
        It tells none.
    """
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if found is None:
        raise UsageError(f"an age is a number with h, d or w, for example 30d, not {text[:20]!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
