import json
from pathlib import Path

import pytest

from lucidray.cli import checks
from lucidray.cli.checks import Check
from lucidray.settings import Settings


def found(part: str, settings: Settings | None = None) -> list[Check]:
    return [check for check in checks.run_checks(settings or Settings()) if check.part == part]


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("empty").mkdir()
    monkeypatch.setenv("LUCIDRAY_WEIGHTS", "empty")


def test_json_is_pure_and_missing_weights_are_5_with_a_cure(run, no_weights) -> None:
    result = run("doctor", "--json")
    rows = json.loads(result.out)
    assert result.code == 5
    assert result.err == ""
    assert {row["part"] for row in rows} == {"program", "weights", "codecs", "device", "extras", "room", "settings"}
    faults = [row for row in rows if row["exit_code"]]
    assert [row["name"] for row in faults] == ["anatomy", "findings"]
    assert all("weights are missing" in row["found"] and "unset the setting 'weights'" in row["cure"] for row in faults)


def test_the_table_shows_every_fault_with_its_cure(run, no_weights) -> None:
    result = run("doctor")
    assert result.code == 5
    assert result.out.count("FAULT") == 2
    assert result.out.count("cure: put the networks into empty") == 2
    assert "2 faults" in result.out


def test_what_is_not_right_says_what_to_do(no_weights) -> None:
    assert all(check.ok or check.cure for check in checks.run_checks(Settings.load()))


def test_a_missing_decoder_is_told_and_does_not_count_as_a_fault(monkeypatch) -> None:
    from lucidray.imaging.codecs import CodecState

    state = CodecState("JPEG-LS Lossless", "pyjpegls", False, "pip install pyjpegls")
    monkeypatch.setattr("lucidray.imaging.codecs.available_codecs", lambda: [state])
    assert found("codecs") == [Check("codecs", "JPEG-LS Lossless", "no pyjpegls", False, "pip install pyjpegls", 0)]


def test_a_missing_extra_names_its_cure(monkeypatch) -> None:
    lines = ["numpy>=1", "torch>=2.4; extra == 'train'", "lucidray[test]; extra == 'dev'", 'rich>=13; extra == "demo"']
    monkeypatch.setattr("importlib.metadata.requires", lambda _name: lines)
    monkeypatch.setattr(checks, "_is_installed", lambda name: name != "torch")
    train, demo = found("extras")
    assert train == Check("extras", "train", "without torch", ok=False, cure="pip install 'lucidray[train]'")
    assert demo.ok


def test_a_part_that_breaks_is_a_finding_and_does_not_stop_the_others(monkeypatch) -> None:
    def broken() -> list[Check]:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr(checks, "device_checks", broken)
    (check,) = found("device")
    assert not check.ok
    assert check.exit_code == 1
    assert "surprise" in check.found
    assert found("room")


def test_a_library_that_cannot_be_imported_is_5(monkeypatch) -> None:
    def broken() -> list[Check]:
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(checks, "device_checks", broken)
    (check,) = found("device")
    assert check.exit_code == 5
    assert "libgomp" in check.found


def test_space_is_looked_for_where_readings_would_be_written(tmp_path: Path) -> None:
    disk = next(check for check in found("room", Settings(out=tmp_path / "not" / "yet")) if check.name == "disk")
    assert disk.found.endswith(f"free at {tmp_path}")


def test_settings_that_are_not_the_default_are_told(monkeypatch) -> None:
    monkeypatch.setenv("LUCIDRAY_THREADS", "2")
    assert [(check.name, check.found) for check in found("settings", Settings.load())] == [
        ("threads", "2 (environment LUCIDRAY_THREADS)")
    ]
