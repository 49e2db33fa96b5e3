from pathlib import Path
from types import SimpleNamespace

import pytest

from lucidray.cli import train


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Training that only notes what it was asked for."""
    made = []

    def fit(*arguments, **options):
        made.append((arguments, options))
        options["report"]("step 1")
        return Path("run/net.onnx")

    monkeypatch.setattr(train, "_training", lambda _name: SimpleNamespace(train=fit))
    return made


@pytest.mark.parametrize(("name", "measure"), [("findings", "epochs"), ("anatomy", "steps")])
def test_options_reach_the_training(run, calls, monkeypatch, name: str, measure: str) -> None:
    Path("films").mkdir()
    monkeypatch.setenv("LUCIDRAY_DATA", "films")
    result = run("train", name, "--out", "there", f"--{measure}", "3", "--seed", "7", "--resume", "--limit", "5")
    assert result.code == 0
    assert result.out == ""
    assert "step 1" in result.err
    assert "wrote run/net.onnx" in result.err.replace("\\", "/")
    ((arguments, options),) = calls
    assert arguments == (Path("films"), Path("there"))
    asked = {key: options[key] for key in (measure, "seed", "resume", "limit", "device")}
    assert asked == {measure: 3, "seed": 7, "resume": True, "limit": 5, "device": "cpu"}


def test_without_films_it_says_where_to_name_them(run, calls) -> None:
    result = run("train", "findings")
    assert result.code == 2
    assert result.errors == ["error: no training films: name their folder with --data or LUCIDRAY_DATA"]
    assert run("train", "findings", "--data", "nowhere").errors == [
        "error: data = nowhere (option --data): no such folder"
    ]
    assert calls == []


def test_without_pytorch_it_names_the_cure(run, working_folder, monkeypatch) -> None:
    def missing(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("importlib.import_module", missing)
    result = run("train", "findings", "--data", ".")
    assert result.code == 5
    assert "pip install 'lucidray[train]'" in result.err
    assert result.err.count("\n") == 1


def test_without_a_network_named_it_says_which_there_are(run) -> None:
    result = run("train")
    assert result.code == 0
    assert "findings" in result.out
    assert "anatomy" in result.out
