"""What a store promises, on every database that it can be on."""

import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from postgresql_server import postgresql
from readings import accepted_reading, refused_reading
from sqlalchemy import text
from sqlalchemy.engine import make_url

from lucidray.domain.errors import ConflictError, LucidrayError, NotFoundError, OutputError, UsageError
from lucidray.store import audit, tokens
from lucidray.store.database import Database, open_database
from lucidray.store.edits import Edit, EditedBox, EditedReport, Edits, StaleEditError
from lucidray.store.evidence import pack
from lucidray.store.films import Films
from lucidray.store.filters import Filter
from lucidray.store.order import Order
from lucidray.store.readings import MOST_ATTEMPTS, Readings
from lucidray.store.tables import METADATA, now

pytestmark = pytest.mark.extra

ME = "me"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite; for PostgreSQL an empty database."""
    if request.param == "sqlite":
        return None
    import psycopg

    base = request.getfixturevalue("server")
    name = f"t{time.monotonic_ns()}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(base).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def database(url: str | None, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def readings(database: Database, tmp_path: Path) -> Readings:
    return Readings(database, Films(tmp_path))


def add(readings: Readings, film: bytes = b"film", *, owner: str | None = ME, lease_s: float = 60, **order) -> str:
    with readings.films.receive(BytesIO(film)) as received:
        found = readings.add(received, "x.dcm", Order(**order), "ann", owner=owner, lease_until=time.time() + lease_s)
    return found.id


def finish(readings: Readings, reading_id: str, reading=None) -> None:
    reading = reading or accepted_reading()
    assert readings.begin(reading_id, ME, time.time() + 60)
    assert readings.finish(reading_id, ME, reading, pack(reading.evidence))


def actions(database: Database) -> list[str]:
    return [line.action for line in audit.lines(database)]


def test_the_migrations_make_the_tables_that_the_code_speaks_of(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert [one for one in differences if "alembic_version" not in str(one)] == []


def test_a_database_is_opened_again_as_it_was(database: Database, url: str | None, tmp_path: Path) -> None:
    tokens.add(database, "ann", "reader", "local")
    again = open_database(url, tmp_path)
    assert [token.name for token in tokens.all_tokens(again)] == ["ann"]
    again.close()


def test_a_database_of_a_newer_lucidray_is_not_touched(database: Database, url: str | None, tmp_path: Path) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(OutputError, match="newer"):
        open_database(url, tmp_path)


def test_a_reading_keeps_what_was_asked_and_what_was_answered(readings: Readings) -> None:
    reading_id = add(readings, symptoms="cough", language="en", reader="composer")
    finish(readings, reading_id)
    found = readings.get(reading_id)
    assert (found.status, found.accepted, found.order.symptoms) == ("done", True, "cough")
    reading, packed = readings.document(reading_id)
    assert reading.model_dump() == accepted_reading().model_dump()
    assert packed
    assert readings.findings([reading_id])[reading_id][0][0] == "Effusion"


def test_only_the_owner_finishes_a_reading_and_only_once(readings: Readings) -> None:
    reading_id = add(readings)
    reading = accepted_reading()
    assert not readings.finish(reading_id, ME, reading, b"")  # not begun
    assert not readings.begin(reading_id, "other", time.time() + 9)
    assert readings.begin(reading_id, ME, time.time() + 9)
    assert not readings.finish(reading_id, "other", reading, b"")
    assert not readings.fail(reading_id, "other", "{}")
    assert readings.finish(reading_id, ME, reading, pack(reading.evidence))
    assert not readings.fail(reading_id, ME, "{}")
    assert readings.get(reading_id).status == "done"


def test_a_film_whose_process_is_gone_is_taken_over_once(readings: Readings) -> None:
    living, dead = add(readings, b"1"), add(readings, b"2", lease_s=-1)
    assert readings.adopt("other", time.time(), time.time() + 60, 10, "{}") == [dead]
    assert readings.adopt("third", time.time(), time.time() + 60, 10, "{}") == []
    assert readings.get(dead).owner == "other"
    assert readings.get(living).owner == ME


def test_a_film_that_ends_every_process_is_given_up(readings: Readings) -> None:
    reading_id = add(readings, lease_s=-1)
    for number in range(MOST_ATTEMPTS):
        owner = f"process-{number}"
        assert readings.adopt(owner, time.time(), time.time() - 1, 10, "{}") == [reading_id]
        assert readings.begin(reading_id, owner, time.time() - 1)
    assert readings.adopt("last", time.time(), time.time(), 10, '{"status": 500}') == []
    found = readings.get(reading_id)
    assert (found.status, found.problem_json) == ("failed", '{"status": 500}')


def test_no_more_is_taken_over_than_there_is_room_for(readings: Readings) -> None:
    ids = [add(readings, bytes([number]), lease_s=-1) for number in range(3)]
    assert readings.adopt("other", time.time(), time.time() + 60, 2, "{}") == ids[:2]


def test_a_lease_is_renewed_for_what_is_worked_on_only(readings: Readings) -> None:
    held, lost = add(readings, b"1", lease_s=-1), add(readings, b"2", lease_s=-1)
    readings.renew(ME, [held], time.time() + 60)
    assert readings.adopt("other", time.time(), time.time() + 60, 10, "{}") == [lost]


def test_cancelling_a_waiting_film_is_final_and_a_running_one_is_asked(readings: Readings) -> None:
    waiting, running = add(readings, b"1"), add(readings, b"2")
    assert readings.begin(running, ME, time.time() + 60)
    assert readings.ask_cancel(waiting, "ann").status == "cancelled"
    assert not readings.begin(waiting, ME, time.time() + 60)
    assert readings.ask_cancel(running, "ann").status == "running"
    assert readings.renew(ME, [waiting, running], time.time() + 60) == {running}
    assert readings.cancelled(running, ME)
    with pytest.raises(ConflictError, match="finished"):
        readings.ask_cancel(running, "ann")


def test_the_worklist_is_sorted_by_risk_then_by_waiting_time(readings: Readings) -> None:
    from lucidray.domain.reading import Risk

    ids = []
    for number, level in enumerate(["Low", "High", None, "High", "Moderate"]):
        reading = accepted_reading()
        if level:
            reading.risk = Risk(level=level, words="", points=0, factors=[])
        ids.append(add(readings, bytes([number])))
        finish(readings, ids[-1], reading)
    found, total = readings.find(Filter())
    assert [one.id for one in found] == [ids[1], ids[3], ids[4], ids[0], ids[2]]
    assert total == 5
    page, total = readings.find(Filter(risk=("High", "Low")), sort="newest", limit=1, offset=1)
    assert ([one.id for one in page], total) == ([ids[1]], 3)


def test_filters(readings: Readings) -> None:
    good, refused, waiting = (add(readings, bytes([number])) for number in range(3))
    finish(readings, good)
    finish(readings, refused, refused_reading())

    def ids(**wanted) -> set[str]:
        return {one.id for one in readings.find(Filter(**wanted))[0]}

    assert ids(accepted=True) == {good}
    assert ids(accepted=False) == {refused}
    assert ids(status=("queued", "running")) == {waiting}
    assert ids(finding="Effusion") == {good}
    assert ids(finding="Pneumothorax") == set()  # absent
    assert ids(signed=True) == set()
    assert ids(film=readings.get(refused).film) == {refused}
    assert ids(until=readings.get(refused).created) == {good}
    assert ids(since=readings.get(refused).created) == {refused, waiting}


def test_a_film_goes_with_its_last_reading(readings: Readings, database: Database) -> None:
    first, second = add(readings), add(readings)
    film = readings.get(first).film
    assert readings.films.all() == [film]
    readings.delete(first, "ann")
    assert readings.films.has(film)
    readings.delete(second, "ann")
    assert not readings.films.has(film)
    with pytest.raises(NotFoundError):
        readings.get(second)
    assert actions(database) == ["uploaded", "uploaded", "deleted", "deleted", "deleted"]


def test_a_film_that_was_deleted_can_come_back(readings: Readings) -> None:
    readings.delete(add(readings), "ann")
    assert readings.films.read(readings.get(add(readings)).film) == b"film"


def test_a_film_that_is_deleted_between_storing_and_noting_is_stored_again(readings: Readings) -> None:
    with readings.films.receive(BytesIO(b"film")) as received:
        readings.films.keep(received)
        assert readings.clear_orphans() == 1  # somebody else, at the worst moment
        found = readings.add(received, "x", Order(), "ann", owner=ME, lease_until=0)
    assert readings.films.read(found.film) == b"film"


def test_purge_takes_what_is_old_and_its_edits(readings: Readings, database: Database) -> None:
    old = add(readings, b"old")
    finish(readings, old)
    Edits(database).save(old, Edit(note="x"), accepted_reading(), "ann", based_on=0)
    between = now()
    new = add(readings, b"new")
    assert readings.purge(between, "ann") == 1
    assert [one.id for one in readings.find(Filter())[0]] == [new]
    assert readings.films.all() == [readings.get(new).film]
    assert Edits(database).history(old) == []
    assert "purged" in actions(database)


def test_a_prior_is_linked_and_outlived(readings: Readings) -> None:
    first, second = add(readings, b"1"), add(readings, b"2")
    assert readings.link_prior(second, first, "ann").prior == first
    readings.delete(first, "ann")
    assert readings.get(second).prior is None
    with pytest.raises(ConflictError):
        readings.link_prior(second, second, "ann")
    with pytest.raises(NotFoundError):
        readings.link_prior(second, first, "ann")


def test_the_audit_log_cannot_be_changed(readings: Readings, database: Database) -> None:
    add(readings)
    for change in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(OutputError, match="append-only"), database.write() as connection:
            connection.execute(text(change))
    assert audit.first_broken(database) is None


def test_a_line_that_was_changed_behind_the_triggers_is_found(database: Database) -> None:
    for number in range(4):
        tokens.add(database, f"name-{number}", "reader", "local")
    with database.write() as connection:
        if database.dialect == "sqlite":
            connection.execute(text("DROP TRIGGER audit_kept_on_update"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_kept"))
        connection.execute(text("UPDATE audit SET actor = 'somebody else' WHERE number = 3"))
    assert audit.first_broken(database) == 3


def test_writers_from_many_threads_leave_one_unbroken_chain(database: Database) -> None:
    def write(thread: int) -> None:
        for number in range(5):
            tokens.add(database, f"{thread}-{number}", "reader", "local")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.count(database) == 20
    assert audit.first_broken(database) is None


def test_what_fails_leaves_nothing_and_no_line(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as connection:
        audit.append(connection, "ann", "saw", "x")
        raise RuntimeError
    assert audit.count(database) == 0


def test_a_token_works_until_it_is_revoked_and_is_not_kept(database: Database) -> None:
    secret = tokens.add(database, "ann", "admin", "local")
    found = tokens.check(database, secret)
    assert found is not None
    assert (found.name, found.role) == ("ann", "admin")
    assert tokens.check(database, secret + "x") is None
    with database.read() as connection:
        assert secret not in str(connection.execute(text("SELECT * FROM tokens")).all())
    with pytest.raises(UsageError, match="already"):
        tokens.add(database, "ann", "reader", "local")
    tokens.revoke(database, "ann", "local")
    assert tokens.check(database, secret) is None
    assert tokens.by_id(database, found.id) is None
    with pytest.raises(UsageError, match="no token"):
        tokens.revoke(database, "ann", "local")


@pytest.mark.parametrize("name", ["", " ", "local", "service", "a\nb", "x" * 61])
def test_a_name_that_could_be_taken_for_another_is_refused(database: Database, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        tokens.add(database, name, "reader", "local")


@pytest.fixture
def edited(readings: Readings) -> tuple[str, Edits]:
    reading_id = add(readings)
    finish(readings, reading_id)
    return reading_id, Edits(readings.database)


def test_every_edit_is_kept_and_the_models_version_never_changes(readings: Readings, edited) -> None:
    reading_id, edits = edited
    before = readings.document(reading_id)
    edits.save(reading_id, Edit(note="first"), accepted_reading(), "ann", based_on=0)
    edits.save(reading_id, Edit(decisions={"Effusion": "rejected"}), accepted_reading(), "bob", based_on=1)
    assert [(one.number, one.author) for one in edits.history(reading_id)] == [(1, "ann"), (2, "bob")]
    assert readings.get(reading_id).edit_number == 2
    assert readings.document(reading_id) == before


def test_an_edit_made_from_an_older_version_is_refused(edited) -> None:
    reading_id, edits = edited
    edits.save(reading_id, Edit(note="first"), accepted_reading(), "ann", based_on=0)
    with pytest.raises(StaleEditError):
        edits.save(reading_id, Edit(note="late"), accepted_reading(), "bob", based_on=0)
    with pytest.raises(StaleEditError):
        edits.sign(reading_id, "bob", based_on=0)
    assert [one.edit.note for one in edits.history(reading_id)] == ["first"]


def test_of_two_edits_at_once_one_wins(edited) -> None:
    reading_id, edits = edited
    outcomes: list[str] = []

    def edit(name: str) -> None:
        try:
            edits.save(reading_id, Edit(note=name), accepted_reading(), name, based_on=0)
            outcomes.append("stored")
        except LucidrayError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=edit, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["StaleEditError"] * 3 + ["stored"]


def test_a_signed_reading_is_closed_until_it_is_opened_again(readings: Readings, edited) -> None:
    reading_id, edits = edited
    edits.sign(reading_id, "ann", based_on=0)
    assert readings.get(reading_id).signed_by == "ann"
    with pytest.raises(ConflictError, match="signed"):
        edits.save(reading_id, Edit(note="x"), accepted_reading(), "ann", based_on=0)
    with pytest.raises(ConflictError, match="already"):
        edits.sign(reading_id, "bob", based_on=0)
    edits.reopen(reading_id, "ann")
    edits.save(reading_id, Edit(note="x"), accepted_reading(), "ann", based_on=0)
    assert actions(readings.database)[-3:] == ["signed", "reopened", "edited"]
    with pytest.raises(NotFoundError):
        edits.reopen(reading_id, "ann")


def test_a_film_that_is_not_read_cannot_be_signed(readings: Readings) -> None:
    with pytest.raises(ConflictError, match="queued"):
        Edits(readings.database).sign(add(readings), "ann", based_on=0)


def test_boxes_are_told_whose_they_are(edited) -> None:
    reading_id, edits = edited
    reading = accepted_reading()
    kept, moved = reading.boxes[0], reading.boxes[1]
    boxes = [
        EditedBox(id=kept.id, label=kept.label, box_xyxy_px=kept.box_xyxy_px, origin="person"),
        EditedBox(id=moved.id, label=moved.label, box_xyxy_px=(1, 1, 9, 9)),
        EditedBox(label="Mass", box_xyxy_px=(5, 5, 20, 20), origin="model"),
    ]
    stored = edits.save(reading_id, Edit(boxes=boxes), reading, "ann", based_on=0).edit.boxes
    assert stored is not None
    assert [box.origin for box in stored] == ["model", "moved", "person"]
    assert stored[2].id
    assert edits.latest(reading_id).edit.boxes == stored


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 1e6, 5), (0, 0, 5, 1e6)])
def test_a_box_beyond_the_film_is_refused(edited, box) -> None:
    reading_id, edits = edited
    with pytest.raises(UsageError, match="outside"):
        edits.save(
            reading_id, Edit(boxes=[EditedBox(label="Mass", box_xyxy_px=box)]), accepted_reading(), "ann", based_on=0
        )


def test_two_boxes_of_one_id_are_refused(edited) -> None:
    reading_id, edits = edited
    box = EditedBox(id="box-1", label="Mass", box_xyxy_px=(1, 1, 2, 2))
    with pytest.raises(UsageError, match="two boxes"):
        edits.save(reading_id, Edit(boxes=[box, box]), accepted_reading(), "ann", based_on=0)


def test_an_edit_of_text_keeps_scripts_as_text(edited) -> None:
    reading_id, edits = edited
    report = EditedReport(findings="<script>alert(1)</script>")
    edits.save(reading_id, Edit(report=report), accepted_reading(), "ann", based_on=0)
    assert edits.latest(reading_id).edit.report == report


def test_what_the_database_says_is_passed_on_without_the_values(database: Database) -> None:
    with pytest.raises(OutputError) as told, database.write() as connection:
        connection.execute(text("INSERT INTO films (sha256, bytes) VALUES ('secret of a patient', 1)"))
    assert "secret" not in str(told.value)
