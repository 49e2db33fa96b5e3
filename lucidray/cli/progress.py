"""How far the work is: a bar on stderr that steps aside while something else is printed."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from lucidray.cli import streams


class Bar:
    """A bar for `total` films, on request with the time that is left; nothing at all where `shown` is false."""

    def __init__(self, total: int, *, shown: bool, color: str = "auto", time_left: bool = False) -> None:
        self._progress = None
        if shown:
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                ProgressColumn,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.table import Column

            left: list[ProgressColumn] = [TimeRemainingColumn()] if time_left else []
            self._progress = Progress(
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                *left,
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=streams.console(color, stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, place: str) -> None:
        """Name the film that is being read."""
        if self._progress is not None:
            self._progress.update(self._task, description=streams.one_line(place))

    def advance(self) -> None:
        """Count a film as done where nothing is printed of it."""
        if self._progress is not None:
            self._progress.advance(self._task)

    @contextmanager
    def finish(self) -> Iterator[None]:
        """Count a film as done and take the bar away while its result is printed."""
        if self._progress is None:
            yield
            return
        self._progress.advance(self._task)
        self._progress.stop()
        yield
        self._progress.start()
