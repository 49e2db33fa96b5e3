import csv
import errno
import json
import sys
import threading
import tracemalloc
import weakref
from pathlib import Path

import pytest
from sayings import film, items, read, saying

from lucidray.batch.inputs import Item
from lucidray.batch.row import COLUMNS
from lucidray.batch.run import Options, Watcher, journal_of, run
from lucidray.domain.errors import ModelError, OutputError, UsageError

HEAD = {"reader": "fake"}


class Board(Watcher):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.plan = None
        self.paths: list[str] = []

    def planned(self, plan) -> None:
        self.plan = plan

    def read(self, row) -> None:
        self.paths.append(row["path"])


def rows(path: Path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def go(films, out, *, reading=read, **options):
    board = Board()
    summary = run(films, reading, out, Options(**({"head": HEAD} | options)), board)
    return summary, board


def test_a_row_a_film_in_the_order_of_the_input(tmp_path) -> None:
    films = items(tmp_path, 3)
    film(tmp_path, "1.png", "refused")
    film(tmp_path, "2.png", "broken")
    summary, _ = go([films[2], films[0], films[1]], tmp_path / "out.csv")
    broken, fine, refused = rows(tmp_path / "out.csv")
    assert [row["outcome"] for row in (broken, fine, refused)] == ["failed", "read", "refused"]
    assert (broken["error_type"], broken["error"], broken["exit_code"]) == ("InputError", "the file is damaged", "4")
    assert fine["report"] == "FINDINGS\nfilm"
    assert fine["effusion_status"] == "present"
    assert float(fine["effusion_probability"]) == 0.63
    assert fine["hernia_probability"] == ""
    assert refused["report"] == ""
    assert refused["refusal_codes"] == "turned_180"
    assert refused["effusion_status"] == ""
    assert summary.outcomes == {"failed": 1, "read": 1, "refused": 1}


def test_what_others_will_fill_in_lands_in_its_columns(tmp_path) -> None:
    from lucidray.domain.reading import Confidence, Contradiction, Diagnosis, Risk

    def full(item):
        note = {"label": "Effusion", "kind": "reader_denies", "classifier_probability": 0.6, "reader_says": "absent"}
        return saying("film").model_copy(
            update={
                "risk": Risk.model_construct(level="High", words="High", factors=[]),
                "confidence": Confidence.model_construct(
                    classifier=0.7, reader=None, fused=0.4, words="low", read_first=True, basis=[]
                ),
                "contradictions": [Contradiction.model_construct(**note, sentence=None, note="They differ.")],
                "differential": [
                    Diagnosis.model_construct(diagnosis="heart failure", score=0.5, supporting=[], opposing=[])
                ],
            }
        )

    go(items(tmp_path, 1), tmp_path / "out.csv", reading=full)
    (row,) = rows(tmp_path / "out.csv")
    found = [row[name] for name in ("risk", "confidence", "read_first", "contradictions", "differential")]
    assert found == ["High", "0.4", "true", "1", "heart failure"]


@pytest.mark.extra
def test_jsonl_and_parquet_say_the_same_as_csv(tmp_path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    films = items(tmp_path, 2)
    for ending in ("csv", "jsonl", "parquet"):
        go(films, tmp_path / f"out.{ending}")
    flat = rows(tmp_path / "out.csv")
    nested = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert list(table[0]) == list(flat[0]) == [column.name for column in COLUMNS]
    assert [row["path"] for row in flat] == [row["path"] for row in nested] == [row["path"] for row in table]
    assert table[0]["effusion_probability"] == nested[0]["findings"]["Effusion"]["probability"] == 0.63
    assert table[0]["accepted"] is True
    assert json.loads(flat[0]["boxes"]) == nested[0]["boxes"]
    assert {box["label"] for box in nested[0]["boxes"]} == {"Atelectasis", "Cardiomegaly", "Effusion", "Nodule"}


def test_a_film_that_is_listed_twice_is_read_once_and_written_twice(tmp_path) -> None:
    (one,) = items(tmp_path, 1)
    other = Item(one.place, one.path, symptoms="fever")
    _, board = go([one, other, one], tmp_path / "out.csv")
    assert len(board.paths) == 2  # with other symptoms it is another question
    assert [row["symptoms"] for row in rows(tmp_path / "out.csv")] == ["", "fever", ""]


def test_a_fault_of_a_row_is_told_and_its_film_never_read(tmp_path) -> None:
    go([Item("a.png", film(tmp_path, "a.png"), fault="age 'x' is no number of years")], tmp_path / "out.csv")
    assert rows(tmp_path / "out.csv")[0]["error"] == "age 'x' is no number of years"


def test_nothing_in_the_way_is_overwritten_unasked(tmp_path) -> None:
    films, out = items(tmp_path, 1), tmp_path / "out.csv"
    go(films, out)
    for way in ({}, {"resume": True}):
        if way:
            journal_of(out).unlink()
        with pytest.raises(UsageError, match="--overwrite"):
            go(films, out, **way)
    _, board = go(films, out, overwrite=True)
    assert board.paths == ["0.png"]


def test_resume_reads_what_is_new_changed_or_failed_by_us(tmp_path) -> None:
    films, out = items(tmp_path, 5), tmp_path / "out.csv"
    film(tmp_path, "1.png", "bug")
    film(tmp_path, "2.png", "broken")
    go(films[:4], out)
    film(tmp_path, "1.png", "mended")
    film(tmp_path, "3.png", "another film")
    _, board = go(films, out, resume=True)
    assert sorted(board.paths) == ["1.png", "3.png", "4.png"]
    assert (board.plan.kept, board.plan.retried, board.plan.changed) == (2, 1, 1)
    assert [row["report"].removeprefix("FINDINGS\n") for row in rows(out)] == [
        "film",
        "mended",
        "",
        "another film",
        "film",
    ]
    _, board = go(films[1:], out, resume=True)
    assert (board.paths, board.plan.gone) == ([], 1)
    assert [row["path"] for row in rows(out)] == ["1.png", "2.png", "3.png", "4.png"]


def test_a_film_that_was_missing_is_read_when_it_is_there(tmp_path) -> None:
    missing, out = Item("late.png", tmp_path / "late.png"), tmp_path / "out.csv"
    assert go([missing], out)[0].outcomes == {"failed": 1}
    film(tmp_path, "late.png")
    assert go([missing], out, resume=True)[0].outcomes == {"read": 1}


def test_rows_of_two_ways_of_reading_are_never_mixed(tmp_path) -> None:
    films, out = items(tmp_path, 1), tmp_path / "out.csv"
    go(films, out)
    with pytest.raises(UsageError, match="reader was 'fake', now 'other'"):
        go(films, out, resume=True, head={"reader": "other"})


def test_two_runs_never_write_one_journal(tmp_path) -> None:
    films, out = items(tmp_path, 1), tmp_path / "out.csv"

    def nested(item):
        with pytest.raises(UsageError, match="in use"):
            go(films, out, resume=True)
        return read(item)

    assert go(films, out, reading=nested)[0].outcomes == {"read": 1}


def test_ctrl_c_leaves_a_table_of_what_was_read(tmp_path) -> None:
    films, out = items(tmp_path, 4), tmp_path / "out.csv"

    def stopped(item):
        if item.place == "2.png":
            raise KeyboardInterrupt
        return read(item)

    with pytest.raises(KeyboardInterrupt):
        go(films, out, reading=stopped)
    assert [row["path"] for row in rows(out)] == ["0.png", "1.png"]
    _, board = go(films, out, resume=True)
    assert board.paths == ["2.png", "3.png"]
    assert [row["path"] for row in rows(out)] == ["0.png", "1.png", "2.png", "3.png"]


def test_workers_read_at_once_and_the_order_stays(tmp_path) -> None:
    films, out = items(tmp_path, 12), tmp_path / "out.csv"
    together = threading.Barrier(3, timeout=60)  # breaks unless three films are in work at once

    def waiting(item):
        together.wait()
        return read(item)

    assert go(films, out, reading=waiting, workers=3)[0].outcomes == {"read": 12}
    assert [row["path"] for row in rows(out)] == [one.place for one in films]


def test_ctrl_c_ends_the_workers(tmp_path) -> None:
    films, out = items(tmp_path, 40), tmp_path / "out.csv"

    class Impatient(Watcher):
        def read(self, row) -> None:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run(films, read, out, Options(head=HEAD, workers=4), Impatient())
    assert threading.active_count() == before
    assert len(rows(out)) < 40


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path) -> None:
    import resource

    films, out = items(tmp_path, 30), tmp_path / "out.csv"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutputError, match=r"the (\d+) films in it are safe.*--resume"):
            go(films, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not out.exists()
    kept = len(journal_of(out).read_text().splitlines()) - 1
    assert 0 < kept < 30
    _, board = go(films, out, resume=True)
    assert len(board.paths) == 30 - kept
    assert len(rows(out)) == 30


def test_a_table_that_cannot_be_written_leaves_the_older_one(tmp_path, monkeypatch) -> None:
    films, out = items(tmp_path, 2), tmp_path / "out.csv"
    go(films[:1], out)
    before = out.read_text()

    def full(_self, _target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        go(films, out, resume=True)
    monkeypatch.undo()
    assert out.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "out.csv", "out.csv.journal"]


def test_a_model_that_is_missing_is_a_row_and_tried_again(tmp_path) -> None:
    films, out = items(tmp_path, 1), tmp_path / "out.csv"

    def no_model(item):
        raise ModelError("the server does not answer")

    assert go(films, out, reading=no_model)[0].exit_codes == {5: 1}
    assert go(films, out, resume=True)[0].exit_codes == {0: 1}


def test_two_thousand_films_take_no_more_memory_than_five_hundred(tmp_path) -> None:
    path = film(tmp_path, "film.png")
    films = [Item(f"{number}.png", path) for number in range(2000)]
    alive: list[weakref.ref] = []
    reading = saying("film")
    most, sizes = 0, {}

    def one(item):
        nonlocal most
        alive[:] = [reference for reference in alive if reference() is not None]
        most = max(most, len(alive))
        copy = reading.model_copy()
        alive.append(weakref.ref(copy))
        return copy

    class Meter(Watcher):
        count = 0

        def read(self, row) -> None:
            self.count += 1
            if self.count in (500, 2000):
                sizes[self.count] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        summary = run(films, one, tmp_path / "out.csv", Options(head=HEAD, workers=2), Meter())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert summary.outcomes == {"read": 2000}
    assert most <= 8
    row_bytes = journal_of(tmp_path / "out.csv").stat().st_size / 2000
    assert row_bytes > 2000  # so that rows that were kept would show
    assert sizes[2000] - sizes[500] < 1500 * row_bytes / 3
    assert peak - sizes[2000] < 2_000_000  # the table is written row by row
    assert len(rows(tmp_path / "out.csv")) == 2000
