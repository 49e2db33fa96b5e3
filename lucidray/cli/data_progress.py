"""How far `lucidray data` is: a bar on a terminal, elsewhere a line each tenth of the films, for logs."""

import sys

from lucidray.cli import streams
from lucidray.cli.progress import Bar

_TENTHS = 10
# Fewer are read before anybody wonders.
_FEW = 1000


class Counting:
    """Counts films.

    Parameters
    ----------
    words : str
        What is done with them: "films read".
    """

    def __init__(self, words: str) -> None:
        self._words = words
        self._bar: Bar | None = None
        self._total = self._done = 0

    def begin(self, total: int) -> None:
        """Open the bar for `total` films."""
        self._total = total
        self._bar = Bar(total, shown=sys.stderr.isatty(), time_left=True)
        self._bar.__enter__()

    def advance(self) -> None:
        """Count a film."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance()
        if sys.stderr.isatty() or self._total < _FEW:
            return
        if self._done * _TENTHS // self._total > (self._done - 1) * _TENTHS // self._total:
            streams.say(f"{self._done:,} of {self._total:,} {self._words}")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
