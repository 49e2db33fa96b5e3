"""Many films, one row each: read what is not in the journal yet, then write the table in the order of the input."""

import json
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lucidray.batch.inputs import Item
from lucidray.batch.journal import Journal, Recovery, Stamp, stamp_of
from lucidray.batch.row import Row, fault_row, row_of
from lucidray.batch.table import Guard, check_out, write_table
from lucidray.domain.errors import InputError, UsageError
from lucidray.domain.reading import Reading

ReadItem = Callable[[Item], Reading]
# Films that may be waiting for a worker: enough to keep it busy, few enough to stop at once.
_AHEAD = 2


@dataclass(frozen=True)
class Options:
    """How a batch runs.

    Attributes
    ----------
    head : mapping
        How films are read, for the journal; JSON values.
    resume : bool
        Go on from the journal where there is one.
    overwrite : bool
        Begin anew, whatever is there.
    workers : int
        Films that are read at once, by threads that share the models.
    excel : bool
    guard : {"apostrophe", "none"}
    """

    head: Mapping[str, Any]
    resume: bool = False
    overwrite: bool = False
    workers: int = 1
    excel: bool = False
    guard: Guard = "apostrophe"


@dataclass
class Plan:
    """What is there and what is to do.

    Attributes
    ----------
    rows : int
        Of the table.
    films : int
        Different questions among them.
    to_read : list of Item
    kept : int
        Films whose row is in the journal already.
    changed, retried, gone : int
        Films whose file changed since; that failed by a model and are tried again; that are no longer in the input.
    recovery : Recovery
    """

    rows: int
    films: int
    to_read: list[Item] = field(default_factory=list)
    kept: int = 0
    changed: int = 0
    retried: int = 0
    gone: int = 0
    recovery: Recovery = field(default_factory=Recovery)


@dataclass
class Summary:
    """What came of a batch: rows of the table by outcome, and how many times each exit code occurs."""

    plan: Plan
    outcomes: dict[str, int] = field(default_factory=dict)
    exit_codes: dict[int, int] = field(default_factory=dict)

    def count(self, row: Row) -> None:
        """Count one row of the table."""
        self.outcomes[row["outcome"]] = self.outcomes.get(row["outcome"], 0) + 1
        self.exit_codes[row["exit_code"]] = self.exit_codes.get(row["exit_code"], 0) + 1


class Watcher:
    """Is told how a batch goes on; does nothing by itself."""

    def planned(self, plan: Plan) -> None:
        """Hear what is to do, before the first film."""

    def read(self, row: Row) -> None:
        """Hear of a film that was read just now."""


def journal_of(out: Path) -> Path:
    """Return where the journal of a table lies: beside it."""
    return out.with_name(out.name + ".journal")


def run(items: Sequence[Item], read: ReadItem, out: Path, options: Options, watcher: Watcher | None = None) -> Summary:
    """Read films and write a table with a row for each item, in their order.

    A film that cannot be read gets a row that says why. Ctrl-C writes the table of what is there before it goes on up.

    Parameters
    ----------
    items : sequence of Item
        An item that occurs twice is read once and written twice.
    read : callable
        Reads one film; with several workers it is called from several threads.
    out : Path
        ``.csv``, ``.jsonl`` or ``.parquet``.
    options : Options
    watcher : Watcher, optional

    Raises
    ------
    UsageError
        There is something in the way, and neither `resume` nor `overwrite` was asked for; or the journal was begun
        another way.
    OutputError
        The journal or the table cannot be written; what is in the journal is safe.
    """
    watcher = watcher or Watcher()
    check_out(out)
    _check_way(out, options)
    with Journal(journal_of(out), options.head, resume=options.resume and not options.overwrite) as journal:
        plan = _planned(items, journal)
        watcher.planned(plan)
        try:
            with closing(_rows(plan.to_read, read, options.workers)) as rows:
                for item, stamp, row in rows:
                    journal.append(item.key, stamp, row)
                    watcher.read(row)
            journal.sync()
        except KeyboardInterrupt:
            _write(out, items, journal, options, plan)
            raise
        return _write(out, items, journal, options, plan)


def finished_rows(items: Sequence[Item], out: Path) -> Iterator[tuple[Item, Row]]:
    """Yield each item with its row, from the journal of a run."""
    offsets: dict[str, int] = {}
    with journal_of(out).open("rb") as file:
        file.readline()
        offset = file.tell()
        for raw in file:
            with suppress(ValueError, KeyError, TypeError):  # damaged lines do not count
                offsets[json.loads(raw)["key"]] = offset
            offset += len(raw)
        for item in items:
            if item.key in offsets:
                file.seek(offsets[item.key])
                yield item, json.loads(file.readline())["row"]


def _check_way(out: Path, options: Options) -> None:
    if options.overwrite:
        return
    journal = journal_of(out)
    if not options.resume:
        for path, what in ((journal, "an earlier run"), (out, "it")):
            if path.exists():
                raise UsageError(
                    f"{out}: {what} is there already ({path.name}): go on with --resume, or begin anew with --overwrite"
                )
    elif out.exists() and not journal.exists():
        raise UsageError(f"{out} is there without its journal {journal.name}: begin anew with --overwrite")


def _planned(items: Sequence[Item], journal: Journal) -> Plan:
    unique = {item.key: item for item in items}
    plan = Plan(rows=len(items), films=len(unique), recovery=journal.recovery)
    plan.gone = len(journal.entries.keys() - unique.keys())
    for key, item in unique.items():
        entry = journal.entries.get(key)
        if entry is None:
            plan.to_read.append(item)
        elif entry.deserves_another_try:
            plan.retried += 1
            plan.to_read.append(item)
        elif item.fault is None and entry.stamp != stamp_of(item.path):
            plan.changed += 1
            plan.to_read.append(item)
        else:
            plan.kept += 1
    return plan


def _write(out: Path, items: Sequence[Item], journal: Journal, options: Options, plan: Plan) -> Summary:
    summary = Summary(plan)

    def rows() -> Iterator[Row]:
        for item in items:
            if item.key in journal.entries:
                # Patient and labels are no part of the key: they may have been filled in since.
                row = journal.row(item.key) | {"patient": item.patient}
                summary.count(row)
                yield row

    write_table(out, rows(), excel=options.excel, guard=options.guard)
    return summary


def _one(item: Item, read: ReadItem) -> tuple[Item, Stamp, Row]:
    started = time.perf_counter()
    # Before it is read: a change meanwhile shows at the next run.
    stamp = stamp_of(item.path)
    try:
        if item.fault is not None:
            raise InputError(item.fault)  # noqa: TRY301 - a row's fault is told as any other
        row = row_of(item, read(item), time.perf_counter() - started)
    except Exception as error:  # one bad film never stops the others
        row = fault_row(item, error, time.perf_counter() - started)
    return item, stamp, row


def _rows(items: Sequence[Item], read: ReadItem, workers: int) -> Generator[tuple[Item, Stamp, Row], None, None]:
    """Yield rows as they come."""
    if workers == 1:
        for item in items:
            yield _one(item, read)
        return
    with _crew(read, workers) as (asked, answered):
        waiting, remaining = 0, iter(items)
        for item in remaining:
            asked.put(item)
            waiting += 1
            if waiting == workers * _AHEAD:
                yield answered.get()
                waiting -= 1
        for _ in range(waiting):
            yield answered.get()


@contextmanager
def _crew(
    read: ReadItem, workers: int
) -> "Iterator[tuple[queue.Queue[Item | None], queue.Queue[tuple[Item, Stamp, Row]]]]":
    """Start threads that read what is asked; on the way out they finish the film in hand, and no other."""
    asked: queue.Queue[Item | None] = queue.Queue()
    answered: queue.Queue[tuple[Item, Stamp, Row]] = queue.Queue()

    def work() -> None:
        while (item := asked.get()) is not None:
            answered.put(_one(item, read))

    threads = [threading.Thread(target=work, name=f"batch-{number}") for number in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield asked, answered
    finally:
        while not asked.empty():
            try:
                asked.get_nowait()
            except queue.Empty:
                break
        for _ in threads:
            asked.put(None)
        for thread in threads:
            thread.join()
