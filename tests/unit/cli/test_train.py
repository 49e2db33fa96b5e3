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


def test_a_backbone_has_options_of_its_own(run, calls, working_folder) -> None:
    Path("films").mkdir(exist_ok=True)
    given = "--backbone resnet50 --data films --task early-cancer --focal 2 --lr 0.1 --weights none --resume"
    result = run("train", "findings", *given.split())
    assert result.code == 0, result.err
    ((arguments, options),) = calls
    assert arguments[:2] == (Path("films"), Path("runs/resnet50"))
    config = arguments[2]
    assert (config.backbone, config.task, config.focal, config.learning_rate) == (
        "resnet50",
        "disease:early-cancer",
        2,
        0.1,
    )
    assert (config.weights, config.device, config.epochs, config.mirror_share) == ("none", None, 20, 0.5)
    assert options["resume"] is True
    assert "--classifier onnx:" in result.err


def test_what_goes_with_a_backbone_is_refused_without_one(run, calls, working_folder) -> None:
    result = run("train", "findings", "--data", ".", "--focal", "2")
    assert result.code == 2
    assert "--focal goes with --backbone" in result.err
    assert calls == []


def test_options_come_from_a_file_and_the_command_line_wins(run, calls, working_folder) -> None:
    Path("run.toml").write_text(
        'backbone = "resnet50"\nlr = 0.01\nbatch = 4\nclass-weights = "balanced"\ndata = "films"\n'
    )
    assert run("train", "findings", "--config", "run.toml", "--batch", "8").code == 0
    ((arguments, _),) = calls
    assert (arguments[2].batch, arguments[2].learning_rate, arguments[2].class_weights) == (8, 0.01, "balanced")
    Path("bad.toml").write_text("bach = 4\n")
    result = run("train", "findings", "--config", "bad.toml")
    assert result.code == 2
    assert "did you mean batch?" in result.err


def test_the_detector_takes_its_options(run, calls, working_folder) -> None:
    result = run("train", "detector", "--data", "films", "--architecture", "rt-detr", "--size", "640", "--out", "there")
    assert result.code == 0, result.err
    ((arguments, _),) = calls
    assert arguments[:2] == (Path("films"), Path("there"))
    assert (arguments[2].architecture, arguments[2].size, arguments[2].weights) == ("rt-detr", 640, "coco")
    assert "--localizer onnx:" in result.err


# The readers' commands are tested beside theirs.
STARTS = ("    lucidray train findings", "    lucidray train detector")


def commands_of_the_page() -> list[list[str]]:
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    own = page[page.index("## Your own classifier") :]
    return [line.split()[1:] for line in own.splitlines() if line.startswith(STARTS)]


@pytest.mark.parametrize("command", commands_of_the_page(), ids=" ".join)
def test_commands_of_the_page_are_understood(run, calls, working_folder, command: list[str]) -> None:
    result = run(*command)
    assert result.code == 0, result.err
    assert len(calls) == 1
