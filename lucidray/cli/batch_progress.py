"""How far a batch is: a bar with the time left on a terminal, a plain line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from lucidray.batch.row import Row
from lucidray.batch.run import Plan, Watcher
from lucidray.cli import streams

_SECONDS_A_LINE = 30.0


class Board(Watcher):
    """Tells on stderr how a batch goes on.

    Parameters
    ----------
    terminal : bool
        Draw a bar; otherwise write a line every half minute.
    quiet : bool
        Say nothing but what went wrong.
    """

    def __init__(self, *, terminal: bool, quiet: bool, color: str = "auto", title: str = "") -> None:
        self._quiet, self._title = quiet, title
        self._done, self._total = 0, 0
        self._counts: dict[str, int] = {}
        self._started = self._told = time.monotonic()
        self._progress = None
        if terminal and not quiet:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn(title, markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.description}", markup=False),
                console=streams.console(color, stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def planned(self, plan: Plan) -> None:
        """Say what is there already and what is to do."""
        self._total = len(plan.to_read)
        self._started = self._told = time.monotonic()
        for line in told(plan):
            self._say(line)
        if self._progress is not None and self._total:
            self._progress.start()
            self._task = self._progress.add_task("", total=self._total)

    def read(self, row: Row) -> None:
        """Count a film; tell at once of one that failed."""
        self._done += 1
        self._counts[row["outcome"]] = self._counts.get(row["outcome"], 0) + 1
        if row["outcome"] == "failed":
            self._fault(f"{row['path']}: {row['error']['message']}")
        if self._progress is not None:
            self._progress.update(self._task, completed=self._done, description=counted(self._counts))
        elif time.monotonic() - self._told >= _SECONDS_A_LINE and self._done < self._total:
            self._told = time.monotonic()
            left = (self._told - self._started) / self._done * (self._total - self._done)
            self._say(f"{self._done} of {self._total} films: {counted(self._counts)}; about {duration(left)} left")

    def _say(self, text: str) -> None:
        if not self._quiet:
            streams.say(f"{self._title}: {text}" if self._title else text)

    def _fault(self, text: str) -> None:
        if self._progress is not None:
            self._progress.stop()
        streams.fault(text)
        if self._progress is not None:
            self._progress.start()


def told(plan: Plan) -> list[str]:
    """Say in lines what was found before the first film is read."""
    lines = []
    if plan.recovery.torn:
        lines.append("the journal's last line was torn; its film is read again")
    if plan.recovery.damaged:
        lines.append(
            f"{_lines(plan.recovery.damaged)} of the journal {_are(plan.recovery.damaged)} damaged and ignored"
        )
    if plan.kept:
        lines.append(f"{_films(plan.kept)} already read")
    if plan.changed:
        lines.append(f"{_films(plan.changed)} changed since then: read again")
    if plan.retried:
        lines.append(f"{_films(plan.retried)} failed by lucidray or a model: tried again")
    if plan.gone:
        lines.append(f"{_films(plan.gone)} in the journal no longer asked for: left out of the table")
    if plan.rows > plan.films:
        lines.append(f"{plan.rows - plan.films} rows repeat a film: read once, written each time")
    return lines


def counted(outcomes: dict[str, int]) -> str:
    """Put outcomes into words: ``12 read, 1 refused``."""
    return ", ".join(f"{outcomes[name]} {name}" for name in ("read", "refused", "failed") if name in outcomes)


def duration(seconds: float) -> str:
    """Put a time into words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _films(count: int) -> str:
    return f"{count} film{'s' * (count != 1)}"


def _lines(count: int) -> str:
    return f"{count} line{'s' * (count != 1)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
