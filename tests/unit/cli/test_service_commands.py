"""`lucidray token`, `purge`, `export feedback` and `serve`, as far as they go without a running service."""

import socket
from io import BytesIO
from pathlib import Path

import pytest
from servers import png  # skips without the extra

from lucidray.cli.main import COMMANDS
from lucidray.cli.offered_readers import offered
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


def test_nothing_but_the_composer_is_offered_unless_it_is_named() -> None:
    (only,) = offered([], [], "auto")
    assert (only.name, only.sends_data_away, only.takes_prompt, only.strategies) == ("composer", False, False, ())


@pytest.mark.parametrize(("address", "leaves"), [("http://127.0.0.1:1/v1", False), ("https://models.example/v1", True)])
def test_a_reader_is_offered_by_its_name_with_its_options(address: str, leaves: bool) -> None:
    pytest.importorskip("httpx")
    options = [f"openai.base_url={address}", "openai.model=m", "openai.timeout=7"]
    composer, named = offered(["openai", "composer", "openai"], options, "auto")
    assert (composer.name, named.name) == ("composer", "openai")
    assert named.sends_data_away is leaves
    assert named.load().used.name == "openai: m"
    assert "zero-shot" in named.strategies


def test_a_reader_with_weights_is_opened_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("lucidray.readers.registry.open_reader", lambda *given: asked.append(given) or "reader")
    monkeypatch.setattr("lucidray.readers.registry.missing_part", lambda entry: "")
    _, named = offered(["medgemma"], ["medgemma.quantize=4bit", "medgemma.device=cuda"], "cpu")
    assert asked == []
    assert named.load() == "reader"
    assert asked == [("medgemma", {"quantize": "4bit", "device": "cuda"}, "cpu")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reader", "fake"], "cannot be offered; there are: composer, medgemma"),
        (["--reader", "gpt"], "cannot be offered"),
        (["--reader", "openai"], "--base-url"),
        (["--reader", "gemini", "--reader-option", "gemini.model=m"], "GEMINI_API_KEY"),
        (["--reader", "openai", "--reader-option", "openai.seed=1"], "each order says that"),
        (["--reader", "openai", "--reader-option", "gemini.model=m"], "READER.NAME=VALUE"),
        (["--reader", "openai", "--reader-option", "openai.timeout=no"], "--timeout"),
    ],
)
def test_a_reader_that_cannot_be_offered_stops_the_start(
    run, store: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    pytest.importorskip("httpx")
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    result = run("serve", "--port", "0", "--no-open", *options)
    assert (result.code, len(result.errors)) == (2, 1)
    assert words in result.err


def test_a_reader_without_its_extra_stops_the_start(run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lucidray.readers.registry.find_spec", lambda name: None)
    result = run("serve", "--port", "0", "--no-open", "--reader", "mlx")
    assert result.code == 5
    assert "lucidray[mlx]" in result.err


def test_the_service_reads_with_the_models_that_read_has(run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def load(**options):
        asked.update(options)
        raise UsageError("that is enough")

    monkeypatch.setattr("lucidray.api.load", load)
    options = ["--classifier", "onnx:mine", "--device", "cpu", "--calibration", "c.json", "--prevalence", "Edema=0.1"]
    assert run("serve", "--port", "0", "--no-open", *options).code == 2
    assert (asked["classifier"], asked["device"], asked["prevalence"]) == ("onnx:mine", "cpu", {"Edema": 0.1})
    assert asked["calibration"] == Path("c.json")
    assert "reader" not in asked


def test_every_command_of_the_service_is_listed() -> None:
    assert {"serve", "token", "purge", "export"} <= set(COMMANDS)
