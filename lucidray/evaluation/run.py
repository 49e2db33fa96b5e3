"""Many films through the models: several at a time, with a cache, stopped and taken up again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from lucidray.evaluation.collection import Film
from lucidray.evaluation.predict import Said
from lucidray.evaluation.predictions import Cache

_AHEAD = 3  # films a worker that wait for their turn: more would only fill the memory
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def spread(work: Callable[[_In], _Out], items: Iterable[_In], workers: int) -> Iterator[tuple[_In, _Out]]:
    """Do a piece of work on every item in order, `workers` at a time; an exception stops the rest."""
    if workers <= 1:
        for item in items:
            yield item, work(item)
        return
    waiting: list[tuple[_In, Future[_Out]]] = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(work, item)))
                if len(waiting) >= _AHEAD * workers:
                    first, future = waiting.pop(0)
                    yield first, future.result()
            while waiting:
                first, future = waiting.pop(0)
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def predict_all(
    films: Sequence[Film],
    say: Callable[[Film], Said],
    cache: Cache,
    *,
    workers: int = 1,
    done: Callable[[Film], None] = lambda _: None,
) -> dict[str, Said]:
    """Score all films that the cache does not know; what is done is kept, whatever stops the run.

    Parameters
    ----------
    films : sequence of Film
    say : callable
        Scores one film; called from several threads.
    cache : Cache
    workers : int
        Films at a time.
    done : callable
        Told of each film that is done, in order; films from the cache come first.
    """
    said: dict[str, Said] = {}
    for film in films:
        known = cache.get(film)
        if known is not None:
            said[film.key] = known
            done(film)
    left = [film for film in films if film.key not in said]
    try:
        for film, answer in spread(say, left, workers):
            said[film.key] = answer
            cache.put(film, answer)
            done(film)
    except BaseException:
        with suppress(Exception):  # the fault that stopped the run is told, not this one
            cache.save()
        raise
    cache.save()
    return said
