"""`lucidray token`, `purge`, `export feedback` and `serve`, as far as they go without a running service."""

import socket
from io import BytesIO
from pathlib import Path

import pytest
from servers import png  # skips without the extra

from lucidray.cli.main import COMMANDS
from lucidray.domain.errors import UsageError
from lucidray.store import audit, tokens
from lucidray.store.database import open_database
from lucidray.store.films import Films
from lucidray.store.order import Order
from lucidray.store.readings import Readings

pytestmark = pytest.mark.extra


@pytest.fixture
def store(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = working_folder / "store"
    monkeypatch.setenv("LUCIDRAY_FOLDER", str(folder))
    return folder


def test_a_token_is_printed_once_and_works_until_revoked(run, store: Path) -> None:
    made = run("token", "add", "ann", "--role", "admin")
    assert made.code == 0
    secret = made.out.strip()
    assert secret.startswith("lucidray_")
    assert secret not in made.err
    database = open_database(None, store)
    assert tokens.check(database, secret).role == "admin"
    listed = run("token", "list").out
    assert "ann\tadmin" in listed
    assert secret not in listed
    assert run("token", "revoke", "ann").code == 0
    assert tokens.check(database, secret) is None
    assert "revoked" in run("token", "list").out
    again = run("token", "revoke", "ann")
    assert (again.code, len(again.errors)) == (2, 1)
    database.close()


def test_purge_asks_first_and_removes_what_is_old(run, store: Path) -> None:
    database = open_database(None, store)
    readings = Readings(database, Films(store))
    with readings.films.receive(BytesIO(png())) as received:
        readings.add(received, "a.png", Order(), "local", owner=None, lease_until=0)
    assert run("purge", "--older-than", "1d", "--yes").err.strip() == "0 readings removed"
    assert len(readings.films.all()) == 1
    assert run("purge", "--older-than", "0h", "--yes").err.strip() == "1 readings removed"
    assert readings.films.all() == []
    assert [line.action for line in audit.lines(database)] == ["uploaded", "purged", "deleted"]
    database.close()


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 days", "1e3d", "123456d"])
def test_an_age_that_tells_nothing_is_2(run, store: Path, text: str) -> None:
    result = run("purge", "--older-than", text, "--yes")
    assert result.code == 2
    assert len(result.errors) == 1


def test_feedback_of_an_empty_store_is_an_empty_table(run, store: Path) -> None:
    assert run("export", "feedback", "--out", "feedback").code == 0
    assert (Path("feedback") / "labels.csv").read_text().startswith("image,patient_id")
    again = run("export", "feedback", "--out", "feedback")
    assert (again.code, len(again.errors)) == (1, 1)


def test_another_address_needs_a_token_first(run, store: Path) -> None:
    result = run("serve", "--host", "0.0.0.0", "--port", "0", "--no-open")  # noqa: S104
    assert result.code == UsageError.exit_code
    assert "lucidray token add" in result.err


def test_a_taken_port_is_one_line(run, store: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--port", str(taken.getsockname()[1]), "--no-open")
    assert result.code == 1
    assert "another --port" in result.errors[0]


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/name", "oracle+x://"])
def test_a_database_that_is_none_is_2(run, store: Path, url: str) -> None:
    result = run("token", "list", "--database", url)
    assert (result.code, len(result.errors)) == (2, 1)


def test_a_missing_extra_names_its_cure(run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for command in (["serve"], ["token", "list"], ["purge", "--older-than", "1d"]):
        result = run(*command)
        assert result.code == 5
        assert "lucidray[server]" in result.err


def test_every_command_of_the_service_is_listed() -> None:
    assert {"serve", "token", "purge", "export"} <= set(COMMANDS)
