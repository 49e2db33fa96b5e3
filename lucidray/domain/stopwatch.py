"""How long each step of a reading took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Times the steps of one reading, in ms, and tells `watch` of each before it begins."""

    def __init__(self, watch: Callable[[str], None] | None = None) -> None:
        self._watch = watch
        self._started = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        if self._watch is not None:
            self._watch(name)
        started = time.perf_counter()
        yield
        self._steps[name] = round(1000 * (time.perf_counter() - started), 2)

    @property
    def timings_ms(self) -> dict[str, float]:
        """The steps so far, and the time since the start as `total`."""
        return {**self._steps, "total": round(1000 * (time.perf_counter() - self._started), 2)}
