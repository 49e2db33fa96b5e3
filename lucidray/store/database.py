"""Opening the database: SQLite beside the films by default, PostgreSQL by URL. Migrations run when it is opened.

Writers take turns: SQLite has one writer at a time anyway, and the audit log's chain needs an order. A write begins by
taking the lock (`BEGIN IMMEDIATE`, or an advisory lock in PostgreSQL), so no transaction has to be repeated because
another one came between its reading and its writing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import sqlalchemy
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lucidray.domain.errors import MissingExtraError, OutputError, StoreBusyError, UsageError

_WRITES = "lucidray_writes"
_WAIT_S = 30
_LOCK = 0x6C756369  # any number, the same in every process
FILE_NAME = "lucidray.sqlite3"


class Database:
    """A database with the tables of the store.

    Parameters
    ----------
    engine : Engine
        See `open_database`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{_WRITES: True})

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Look at one state of the database.

        Raises
        ------
        OutputError
            The database does not answer.
        """
        with _told(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Change the database, all or nothing; other writers wait.

        Raises
        ------
        OutputError
            The database does not answer, is read-only or full.
        """
        with _told(), self._writing.begin() as connection:
            if self.dialect == "postgresql":
                connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_database(url: str | None, folder: Path) -> Database:
    """Open the database and bring its tables up to date.

    Parameters
    ----------
    url : str or None
        As SQLAlchemy writes it, for example ``postgresql://user@host/name``; None opens a file in `folder`.
    folder : Path
        Made where it is missing, readable for its owner only.

    Raises
    ------
    UsageError
        The URL cannot be understood.
    MissingExtraError
        The driver is not installed.
    OutputError
        The database does not answer, or is of a newer lucidray.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = _engine(url or f"sqlite:///{folder / FILE_NAME}")
        database = Database(engine)
        with database.write() as connection:
            _migrate(connection)
    except OSError as error:
        raise OutputError(f"the store's folder {folder} cannot be used: {error.strerror or error}") from error
    return database


def _engine(text: str) -> Engine:
    try:
        url = make_url(text)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() not in ("sqlite", "postgresql"):
            raise UsageError(f"a database of the kind {url.get_backend_name()}; lucidray takes sqlite and postgresql")
        if url.get_backend_name() == "sqlite":
            engine = sqlalchemy.create_engine(url, connect_args={"timeout": _WAIT_S, "check_same_thread": False})
            sqlalchemy.event.listen(engine, "connect", _set_up_sqlite)
            sqlalchemy.event.listen(engine, "begin", _begin_sqlite)
            return engine
        return sqlalchemy.create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(
            "the database's URL cannot be understood: it looks like postgresql://user@host/name"
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"PostgreSQL ({error.name})", "postgresql") from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    # The driver's own BEGIN comes late and never takes the lock: transactions are begun below.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_WAIT_S * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, "head")
    except alembic.util.CommandError as error:
        raise OutputError(
            f"the database is not one that this lucidray knows (a newer one made it?): {error}"
        ) from error


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        # The statement and its values may hold what was said about a patient: only the driver's words are passed on.
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        if isinstance(error, PoolTimeout) or "database is locked" in reason:
            raise StoreBusyError("the database is busy: try again") from error
        raise OutputError(f"the database cannot do that now: {reason}") from error
