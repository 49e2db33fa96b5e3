"""The service's store, for the commands that work on it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.domain.errors import MissingExtraError

if TYPE_CHECKING:
    from lucidray.settings import Settings
    from lucidray.store.database import Database
    from lucidray.store.readings import Readings

ACTOR = "local"


def store_options(function: Any) -> Any:
    """Add the options that say where the store is."""
    options = (
        click.option(
            "--database", metavar="URL", help="For example postgresql://user@host/name; a file in the folder else."
        ),
        click.option(
            "--folder",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Where films and database are.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def store_folder(settings: "Settings") -> Path:
    """Return the folder of the store: the one that is set, else where the system keeps a person's data."""
    if settings.folder is not None:
        return settings.folder
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "lucidray"


def open_store(settings: "Settings") -> "tuple[Database, Readings]":
    """Open database and films.

    Raises
    ------
    MissingExtraError
        The extra `server` is not installed.
    """
    need_server()
    from lucidray.store.database import open_database
    from lucidray.store.films import Films
    from lucidray.store.readings import Readings

    folder = store_folder(settings)
    films = Films(folder)
    database = open_database(settings.database, folder)
    return database, Readings(database, films)


def need_server() -> None:
    """Refuse to go on without the extra `server`.

    Raises
    ------
    MissingExtraError
        One of its packages is missing.
    """
    from importlib.util import find_spec

    for name in ("fastapi", "uvicorn", "sqlalchemy", "alembic", "python_multipart", "prometheus_client"):
        if find_spec(name) is None:
            raise MissingExtraError(f"the service ({name})", "server")
