"""The commands of fine-tuning a reader: their options, a file of them, and every one that the docs show."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from lucidray.cli import train, train_merge, train_reader, train_tiny
from lucidray.domain.errors import MissingExtraError
from lucidray.training.reader_config import Config, configured

DOCS = Path(__file__).parents[3] / "docs"
COMMAND = re.compile(
    r"^ {4}(?:\./run\.sh|lucidray|accelerate launch -m lucidray) (train (?:reader|merge|tiny-reader) .+)$", re.M
)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Training that only notes what it was asked for."""
    made: list[tuple[Any, ...]] = []

    def fit(config: Config, output: Path, **options: Any) -> Path:
        made.append((config, output, options))
        return output / "adapter"

    modules = {
        "reader_config": SimpleNamespace(configured=configured),
        "reader_run": SimpleNamespace(train=fit),
        "reader_plan": SimpleNamespace(tell=lambda config, _report: made.append((config, None, {}))),
        "reader_merge": SimpleNamespace(
            merge=lambda adapter, out, **options: made.append((adapter, out, options)) or out
        ),
    }
    monkeypatch.setattr(train_reader, "training", modules.__getitem__)
    monkeypatch.setattr(train_merge, "training", modules.__getitem__)
    return made


def test_the_issue_s_own_command(run, runs) -> None:
    Path("m.csv").touch()
    Path("films").mkdir()
    asked = "train reader --phase 1 --csv m.csv --images films --output out --epochs 8 --lr 5e-5 --lora_r 64"
    result = run(*asked.split(), "--model", "google/medgemma-4b-it")
    assert result.code == 0, result.err
    ((config, output, options),) = runs
    assert output == Path("out")
    assert (config.phase, config.csv, config.images) == (1, "m.csv", "films")
    assert (config.epochs, config.lr, config.lora_r, config.model) == (8, 5e-5, 64, "google/medgemma-4b-it")
    assert config == Config(phase=1, csv="m.csv", images="films")
    assert (options["resume"], options["force"]) == (False, False)


def test_phase_2_has_its_own_epochs_and_names_with_hyphens_are_the_same(run, runs) -> None:
    Path("m.csv").touch()
    for spelt in ("--lora-r 8 --phase1-ckpt one --hold-out Mass", "--lora_r 8 --phase1_ckpt one --hold_out Mass"):
        result = run(*f"train reader --phase 2 --csv m.csv --output out {spelt}".split())
        assert result.code == 0, result.err
    (first, *_), (second, *_) = runs
    assert first == second
    assert (first.epochs, first.phase1_ckpt, first.hold_out) == (30, "one", ("Mass",))


def test_a_file_gives_what_the_command_line_does_not(run, runs) -> None:
    Path("m.csv").touch()
    Path("run.toml").write_text(
        'phase = 2\ncsv = "m.csv"\noutput = "there"\nlr = 1e-4\nhold_out = ["Mass"]\nbatch = 2\n'
    )
    assert run("train", "reader", "--config", "run.toml", "--lr", "2e-4").code == 0
    ((config, output, _),) = runs
    assert (config.phase, config.lr, config.batch, config.hold_out, output) == (2, 2e-4, 2, ("Mass",), Path("there"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("learning_rate = 1", "no option of train reader"),
        ("phase = ", "cannot be read"),
        ('lr = "much"', "another kind"),
    ],
)
def test_a_file_that_is_wrong_says_how(run, runs, text: str, told: str) -> None:
    Path("m.csv").touch()
    Path("run.toml").write_text(text)
    result = run(*["train", "reader", "--phase", "1", "--csv", "m.csv", "--output", "out", "--config", "run.toml"])
    assert result.code == 2
    assert told in result.err
    assert runs == []


def test_what_is_missing_is_named(run, runs) -> None:
    Path("m.csv").touch()
    assert "--phase 1 or --phase 2" in run(*["train", "reader", "--csv", "m.csv", "--output", "out"]).err
    assert "--csv" in run(*["train", "reader", "--phase", "1", "--output", "out"]).err
    assert "--output" in run(*["train", "reader", "--phase", "1", "--csv", "m.csv"]).err
    assert runs == []


def test_an_estimate_needs_no_films(run, runs) -> None:
    assert run(*["train", "reader", "--phase", "2", "--estimate"]).code == 0
    ((config, output, _),) = runs
    assert (config.phase, output) == (2, None)


def test_without_the_optional_part_it_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'peft'", name="peft")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'lucidray\[train\]'"):
        train_reader.training("reader_run")


def test_a_tiny_reader_does_not_write_over_anything(run) -> None:
    Path("there").mkdir()
    Path("there/file").touch()
    result = run("train", "tiny-reader", "--out", "there")
    assert result.code == 1
    assert "not empty" in result.err


def shown() -> list[str]:
    pages = [DOCS / "training.md", DOCS / "readers.md"]
    return [found for page in pages for found in COMMAND.findall(page.read_text(encoding="utf-8").replace("\\\n", " "))]


def test_the_docs_show_every_command() -> None:
    names = {shlex.split(line)[1] for line in shown()}
    assert names == {"reader", "merge", "tiny-reader"}


@pytest.mark.parametrize("line", shown())
def test_every_command_of_the_docs_is_understood(line: str, working_folder: Path) -> None:
    words = shlex.split(line, comments=True)
    # Files and folders that it names are there.
    for place, word in enumerate(words):
        if word in ("--csv", "--images", "--prompts"):
            (working_folder / words[place + 1]).mkdir(parents=True, exist_ok=True)
        if word == "merge":
            (working_folder / words[place + 1]).mkdir(parents=True, exist_ok=True)
    command = {"reader": train_reader, "merge": train_merge, "tiny-reader": train_tiny}[words[1]].command
    context = command.make_context(words[1], words[2:], parent=click.Context(train.command))
    if words[1] == "reader":
        given = train_reader.merged(context.params)
        assert train_reader.config_of({"csv": "", **given}).phase in (1, 2)
