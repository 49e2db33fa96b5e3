import threading
import time

import pytest
from servers import ServerConfig  # noqa: F401 - skips without the extra

from lucidray.server.pool import Job, Pool
from lucidray.server.problems import BusyError, StoppedError, TooLongError

pytestmark = pytest.mark.extra


def until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def pool_of():
    made: list[Pool] = []

    def make(workers: int = 1, queue: int = 1, time_limit_s: float = 60) -> Pool:
        pool = Pool(workers, queue, time_limit_s)
        pool.start()
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.close()


def submit(pool: Pool, work, on_late=lambda: None) -> Job:
    pool.reserve(1)
    job = Job(work, on_late)
    pool.submit(job)
    return job


def test_work_is_done_and_places_are_given_back(pool_of) -> None:
    pool, done = pool_of(), threading.Event()
    submit(pool, lambda _: done.set())
    assert done.wait(120)
    until(lambda: pool.taken == 0)


def test_a_full_pool_says_when_to_come_again(pool_of) -> None:
    pool, go = pool_of(workers=1, queue=1), threading.Event()
    submit(pool, lambda _: go.wait(120))
    submit(pool, lambda _: None)
    with pytest.raises(BusyError) as told:
        pool.reserve(1)
    assert 1 <= told.value.retry_after_s <= 60
    go.set()
    until(lambda: pool.room == 2)
    pool.reserve(2)


def test_several_places_are_given_together_or_not_at_all(pool_of) -> None:
    pool = pool_of(workers=1, queue=2)
    pool.reserve(2)
    with pytest.raises(BusyError):
        pool.reserve(2)
    assert pool.room == 1
    pool.give_back(2)
    pool.reserve(3)


def test_a_thread_that_overstays_is_replaced_and_its_place_given_away(pool_of) -> None:
    pool, go, late, done = pool_of(workers=1, queue=1, time_limit_s=0.2), *(threading.Event() for _ in range(3))
    stuck = submit(pool, lambda _: go.wait(240), late.set)
    assert late.wait(120)
    assert stuck.late
    assert pool.left_behind == 1
    submit(pool, lambda _: done.set())
    assert done.wait(120)
    go.set()
    until(lambda: pool.left_behind == 0)
    until(lambda: pool.taken == 0)


def test_with_too_many_left_behind_no_more_work_is_taken(pool_of) -> None:
    pool, go = pool_of(workers=1, queue=1, time_limit_s=0.1), threading.Event()
    for count in (1, 2):
        submit(pool, lambda _: go.wait(240))
        until(lambda count=count: pool.left_behind == count)
    assert not pool.is_sound
    with pytest.raises(BusyError):
        pool.reserve(1)
    go.set()
    until(lambda: pool.is_sound)
    pool.reserve(1)


def test_a_late_or_stopped_job_ends_at_its_next_step() -> None:
    job = Job(lambda _: None, lambda: None)
    job.watch("load")
    assert job.step == "load"
    job.stop.set()
    with pytest.raises(StoppedError):
        job.watch("anatomy")
    late = Job(lambda _: None, lambda: None, late=True)
    with pytest.raises(TooLongError):
        late.watch("load")


def test_a_job_that_breaks_does_not_take_its_thread_along(pool_of) -> None:
    pool, done = pool_of(), threading.Event()

    def broken(_: Job) -> None:
        raise RuntimeError

    submit(pool, broken)
    until(lambda: pool.taken == 0)
    submit(pool, lambda _: done.set())
    assert done.wait(120)
