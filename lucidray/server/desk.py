"""The desk: takes films in, has them read, and keeps the worklist honest about what became of them."""

import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Lock, Thread
from typing import BinaryIO

from lucidray.domain.reading import Reading
from lucidray.server.engine import Engine, Told
from lucidray.server.logs import log, log_fault
from lucidray.server.metrics import Metrics
from lucidray.server.pool import Job, Pool
from lucidray.server.problems import StoppedError, TooLongError, make, problem_of
from lucidray.store.entry import Entry
from lucidray.store.evidence import pack
from lucidray.store.order import Order
from lucidray.store.readings import MOST_ATTEMPTS, Readings

_GIVEN_UP = make(500, "given-up", f"the service ended {MOST_ATTEMPTS} times while it read this film: it is given up")


class Desk:
    """Reads the films of the store in a bounded pool.

    Parameters
    ----------
    readings : Readings
    engine : Engine
    pool : Pool
    metrics : Metrics
    lease_s : float
        After how long without a sign of life another process may take over our films.
    time_limit_s : float
        Told to people; the pool holds to it.
    """

    def __init__(
        self, readings: Readings, engine: Engine, pool: Pool, metrics: Metrics, lease_s: float, time_limit_s: float
    ) -> None:
        self._readings, self._engine, self.pool, self._metrics = readings, engine, pool, metrics
        self._lease_s, self._time_limit_s = lease_s, time_limit_s
        self._owner = secrets.token_hex(16)
        self._jobs: dict[str, Job] = {}
        self._lock = Lock()
        self._closed = Event()
        self._keeper = Thread(target=self._keep, name="lucidray-leases", daemon=True)

    def start(self) -> None:
        """Start to read, first of all what another process left."""
        self._readings.clear_orphans()
        self.pool.start()
        self._adopt()
        self._keeper.start()

    def close(self) -> None:
        """Stop, and leave what is not finished to the next process."""
        self._closed.set()
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()
        self.pool.close()
        self._readings.release(self._owner)

    # Films of the store

    def take(self, source: BinaryIO, name: str, order: Order, actor: str) -> Entry:
        """Store a film and queue it; a place in the pool has been reserved.

        When this returns, film and row are on the disk: the film will be read, whatever happens to this process.
        """
        with self._readings.films.receive(source) as received:
            found = self._readings.add(received, name, order, actor, owner=self._owner, lease_until=self._lease())
        self._queue(found.id)
        return found

    def take_again(self, film: str, name: str, order: Order, actor: str) -> Entry:
        """Queue a film that is stored already; a place in the pool has been reserved."""
        found = self._readings.add_again(film, name, order, actor, owner=self._owner, lease_until=self._lease())
        self._queue(found.id)
        return found

    def step(self, reading_id: str) -> str | None:
        """Return what a reading of this process is at, or None where it is another one's or finished."""
        with self._lock:
            job = self._jobs.get(reading_id)
        return None if job is None else job.step

    def cancel(self, reading_id: str, actor: str) -> Entry:
        """Ask that a reading is given up."""
        found = self._readings.ask_cancel(reading_id, actor)
        with self._lock:
            job = self._jobs.get(reading_id)
        if job is not None:
            job.stop.set()
        return found

    def forget(self, reading_id: str) -> None:
        """Stop the work on a reading that was deleted."""
        with self._lock:
            job = self._jobs.get(reading_id)
        if job is not None:
            job.stop.set()

    # Films that nobody keeps

    def read_now(
        self, content: bytes, name: str, order: Order, *, told: Told | None = None, prior_text: str | None = None
    ) -> tuple[Job, "Future[Reading]"]:
        """Read a film without storing anything; a place in the pool has been reserved.

        Returns
        -------
        Job
            To be stopped where nobody waits any more.
        Future of Reading
            With the error where there is one.
        """
        answer: Future[Reading] = Future()

        def work(job: Job) -> None:
            started = time.monotonic()

            def pass_on(text: str) -> None:
                job.watch("report")
                if told is not None:
                    told(text)

            try:
                reading = self._engine.read(
                    content,
                    name,
                    order,
                    watch=job.watch,
                    told=None if told is None else pass_on,
                    prior_text=prior_text,
                )
            except BaseException as error:
                self._metrics.outcome("failed")
                _settle(answer, error)
            else:
                self._metrics.read("accepted" if reading.accepted else "refused", time.monotonic() - started)
                _settle(answer, reading)

        job = Job(work, lambda: _settle(answer, self._too_long()))
        self.pool.submit(job)
        return job, answer

    # Inside

    def _lease(self) -> float:
        return time.time() + self._lease_s

    def _too_long(self) -> TooLongError:
        self._metrics.outcome("too_long")
        return TooLongError(f"the reading took longer than {self._time_limit_s:g} s and was given up")

    def _queue(self, reading_id: str) -> None:
        def on_late() -> None:
            self._failed(reading_id, self._too_long())
            # The thread may hang for ever, and nobody has to wait for it: the reading has ended.
            self._done(reading_id, job)

        job = Job(lambda job: self._read(reading_id, job), on_late)
        with self._lock:
            self._jobs[reading_id] = job
        self.pool.submit(job)

    def _read(self, reading_id: str, job: Job) -> None:
        try:
            if not self._readings.begin(reading_id, self._owner, self._lease()):
                return
            started = time.monotonic()
            found = self._readings.get(reading_id)
            job.watch("load")
            reading = self._engine.read(
                self._readings.films.read(found.film),
                found.name,
                found.order,
                watch=job.watch,
                told=lambda _: job.watch("report"),
                prior_text=self._prior_text(found),
            )
            stored = self._readings.finish(reading_id, self._owner, reading, pack(reading.evidence))
            if stored and not job.late:
                seconds = time.monotonic() - started
                self._metrics.read("accepted" if reading.accepted else "refused", seconds)
                log("read", reading=reading_id, accepted=reading.accepted, seconds=round(seconds, 3))
        except StoppedError:
            if not self._closed.is_set():
                self._readings.cancelled(reading_id, self._owner)
                self._metrics.outcome("cancelled")
        except TooLongError:
            pass  # told already
        except Exception as error:
            self._failed(reading_id, error)
        finally:
            self._done(reading_id, job)

    def _done(self, reading_id: str, job: Job) -> None:
        with self._lock:
            if self._jobs.get(reading_id) is job:
                del self._jobs[reading_id]

    def _prior_text(self, found: Entry) -> str | None:
        if found.prior is None:
            return None
        return self._readings.document(found.prior)[0].report.text

    def _failed(self, reading_id: str, error: Exception) -> None:
        name = self._readings.get(reading_id).name
        problem = problem_of(error, name=name)
        if self._readings.fail(reading_id, self._owner, problem.model_dump_json(exclude_defaults=True)):
            if not isinstance(error, TooLongError):
                self._metrics.outcome("failed")
            log_fault(error, reading=reading_id)

    def _keep(self) -> None:
        while not self._closed.wait(self._lease_s / 4):
            try:
                self._sweep()
            except Exception as error:  # a database that does not answer now may answer later
                log_fault(error)

    def _sweep(self) -> None:
        # Only what is being worked on: a film whose outcome could not be written is left to whoever comes next.
        with self._lock:
            held = list(self._jobs)
        asked = self._readings.renew(self._owner, held, self._lease())
        with self._lock:
            for reading_id in asked & self._jobs.keys():
                self._jobs[reading_id].stop.set()
        self._adopt()

    def _adopt(self) -> None:
        # Places are taken for films that are there only: while the database is asked, uploads find the others free.
        abandoned = self._readings.abandoned(time.time())
        if not abandoned:
            return
        places = self.pool.reserve_up_to(abandoned)
        adopted: list[str] = []
        try:
            given_up = _GIVEN_UP.model_dump_json(exclude_defaults=True)
            adopted = self._readings.adopt(self._owner, time.time(), self._lease(), places, given_up)
        finally:
            self.pool.give_back(places - len(adopted))
        for reading_id in adopted:
            log("taken_over", reading=reading_id)
            self._queue(reading_id)


def _settle(answer: "Future[Reading]", outcome: Reading | BaseException) -> None:
    """Give a future its outcome, unless it has one."""
    settle: Callable[[], None] = (
        (lambda: answer.set_exception(outcome))
        if isinstance(outcome, BaseException)
        else (lambda: answer.set_result(outcome))
    )
    if answer.done():
        return
    try:
        settle()
    except Exception:  # another thread was quicker by a hair
        if not answer.done():
            raise
