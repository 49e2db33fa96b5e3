"""Everything that the routes share, built once."""

from dataclasses import dataclass
from pathlib import Path

import anyio
from starlette.requests import Request

from lucidray.server.config import ServerConfig
from lucidray.server.desk import Desk
from lucidray.server.engine import Engine
from lucidray.server.metrics import Metrics
from lucidray.server.pictures import Pictures
from lucidray.server.pool import Pool
from lucidray.server.session import Sessions
from lucidray.store.database import Database, open_database
from lucidray.store.edits import Edits
from lucidray.store.films import Films
from lucidray.store.readings import Readings


@dataclass(frozen=True)
class Service:
    """The parts of a running service."""

    config: ServerConfig
    engine: Engine
    database: Database
    readings: Readings
    edits: Edits
    pictures: Pictures
    pool: Pool
    desk: Desk
    metrics: Metrics
    sessions: Sessions
    # Decoding and drawing hold whole films in memory: no more at once than are read at once.
    drawing: anyio.CapacityLimiter


def build(config: ServerConfig, engine: Engine, folder: Path, database_url: str | None) -> Service:
    """Open the store and put the parts together; nothing is read yet.

    Raises
    ------
    UsageError, OutputError
        The store cannot be used.
    """
    films = Films(folder)
    database = open_database(database_url, folder)
    readings, metrics = Readings(database, films), Metrics()
    pool = Pool(config.workers, config.queue, config.time_limit_s)
    desk = Desk(readings, engine, pool, metrics, config.lease_s, config.time_limit_s)
    metrics.show("lucidray_places_taken", "Films that wait or are read", lambda: pool.taken)
    metrics.show("lucidray_places", "Films that may wait or be read", lambda: pool.capacity)
    metrics.show("lucidray_threads_left_behind", "Readings that overstayed and still run", lambda: pool.left_behind)
    return Service(
        config=config,
        engine=engine,
        database=database,
        readings=readings,
        edits=Edits(database),
        pictures=Pictures(readings, config.limits),
        pool=pool,
        desk=desk,
        metrics=metrics,
        sessions=Sessions(),
        drawing=anyio.CapacityLimiter(max(2, config.workers)),
    )


def service(request: Request) -> Service:
    """Return the service that a request came to."""
    found: Service = request.app.state.service
    return found
