"""A bounded pool of threads with a time limit a job.

A thread cannot be ended from outside. One that overstays is therefore left alone: its job is told that it is late, its
place is given to a new thread, and whatever it still brings is thrown away. Where too many have been left behind, the
pool takes no more work rather than bring the machine down.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Lock, Thread

from lucidray.server.logs import log, log_fault
from lucidray.server.problems import BusyError, StoppedError, TooLongError

_LOOK_EVERY_S = 0.1
_LEAST_RETRY_S, _MOST_RETRY_S = 1, 60


@dataclass(eq=False)
class Job:
    """A piece of work.

    Attributes
    ----------
    work : callable
        Is given the job, and catches its own errors.
    on_late : callable
        Called, from another thread, when the time limit has passed.
    step : str
        What it is at.
    """

    work: Callable[["Job"], None]
    on_late: Callable[[], None]
    step: str = "queued"
    stop: Event = field(default_factory=Event)
    late: bool = False
    deadline: float = math.inf

    def watch(self, step: str) -> None:
        """Note what the job is at.

        Raises
        ------
        StoppedError
            Somebody asked to stop.
        TooLongError
            The time limit has passed.
        """
        if self.stop.is_set():
            raise StoppedError("the reading was cancelled")
        if self.late:
            raise TooLongError("the reading took too long")
        self.step = step


class _Worker:
    def __init__(self) -> None:
        self.job: Job | None = None
        self.is_left = False


class Pool:
    """Runs jobs, `workers` at a time.

    Parameters
    ----------
    workers, queue : int
        Jobs that run and jobs that wait, at most.
    time_limit_s : float
        A job.
    """

    def __init__(self, workers: int, queue: int, time_limit_s: float) -> None:
        self._workers, self.capacity, self._limit_s = workers, workers + queue, time_limit_s
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = Lock()
        self._crew: set[_Worker] = set()
        self._taken = self._left = 0
        self._mean_s = 1.0
        self._closed = Event()
        self._watchdog = Thread(target=self._look_after, name="lucidray-watchdog", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        for _ in range(self._workers):
            self._hire()
        self._watchdog.start()

    def close(self) -> None:
        """Take no more work and let the threads go; what runs is not waited for."""
        self._closed.set()
        for _ in range(self._workers):
            self._jobs.put(None)

    @property
    def taken(self) -> int:
        """Places that are taken, waiting ones with them."""
        return self._taken

    @property
    def left_behind(self) -> int:
        """Threads that overstayed and have not come back."""
        return self._left

    @property
    def is_sound(self) -> bool:
        """Whether work is taken at all."""
        return not self._closed.is_set() and self._left < 2 * self._workers

    @property
    def room(self) -> int:
        """Places that are free."""
        return max(0, self.capacity - self._taken) if self.is_sound else 0

    def reserve(self, count: int) -> None:
        """Take places for jobs that will come; each is given back by `submit`'s job when it ends, or by `give_back`.

        Raises
        ------
        BusyError
            There are not enough.
        """
        with self._lock:
            if self._taken + count > self.capacity or not self.is_sound:
                after = math.ceil(self._taken * self._mean_s / self._workers)
                raise BusyError("all places are taken: try again later", min(max(after, _LEAST_RETRY_S), _MOST_RETRY_S))
            self._taken += count

    def reserve_up_to(self, most: int) -> int:
        """Take as many places as there are, `most` at most, and return how many; none is no fault."""
        with self._lock:
            count = max(0, min(most, self.room))
            self._taken += count
        return count

    def give_back(self, count: int = 1) -> None:
        """Give back places that no job came for."""
        with self._lock:
            self._taken -= count

    def submit(self, job: Job) -> None:
        """Queue a job for which a place was reserved."""
        self._jobs.put(job)

    def _hire(self) -> None:
        worker = _Worker()
        self._crew.add(worker)
        Thread(target=self._serve, args=(worker,), name="lucidray-reader", daemon=True).start()

    def _serve(self, worker: _Worker) -> None:
        while not worker.is_left:
            job = self._jobs.get()
            if job is None:
                break
            started = time.monotonic()
            with self._lock:
                job.deadline = started + self._limit_s
                worker.job = job
            try:
                job.work(job)
            except Exception as error:  # a job tells its own errors; one that forgets must not take the thread along
                log_fault(error)
            with self._lock:
                worker.job = None
                if worker.is_left:
                    self._left -= 1
                else:
                    self._taken -= 1
                    self._mean_s += 0.1 * (time.monotonic() - started - self._mean_s)
        with self._lock:
            self._crew.discard(worker)

    def _look_after(self) -> None:
        while not self._closed.wait(_LOOK_EVERY_S):
            late: list[Job] = []
            with self._lock:
                for worker in list(self._crew):
                    if worker.job is not None and not worker.is_left and time.monotonic() > worker.job.deadline:
                        worker.is_left = worker.job.late = True
                        self._taken -= 1
                        self._left += 1
                        late.append(worker.job)
                        self._hire()
            for job in late:
                log("reading_too_long", step=job.step)
                try:
                    job.on_late()
                except Exception as error:  # the watchdog must go on
                    log_fault(error)
