"""`lucidray study second-opinion` as people call it, on drawn films, with a server that plays a language model."""

import csv
import json
import sys
import urllib.request
from pathlib import Path

import chat_server
import pytest
from borrowed_models import make_torchvision_importable
from small_films import write_collection

pytestmark = pytest.mark.extra
COUNTS = {"train": 16, "val": 6, "test": 8}


@pytest.fixture
def films() -> str:
    pytest.importorskip("sklearn", reason="needs lucidray[evaluate]")
    write_collection(Path("films.npz"), COUNTS)
    return "films.npz"


def needs_timm() -> None:
    pytest.importorskip("torch", reason="needs lucidray[train]")
    make_torchvision_importable()
    pytest.importorskip("timm", reason="needs lucidray[timm]")


def rows(folder: str = "out") -> list[dict[str, str]]:
    with (Path(folder) / "answers.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def asked(server: str) -> int:
    with urllib.request.urlopen(f"{server}/seen") as answer:
        return len([one for one in json.load(answer) if "messages" in one["body"]])


def test_a_whole_study(run, films: str) -> None:
    needs_timm()
    pytest.importorskip("httpx", reason="needs lucidray[remote]")
    fitted = ("--classifier", "resnet10t", "--size", "32", "--epochs", "2", "--resamples", "50", "--device", "cpu")
    with chat_server.running() as server:
        options = ("--reader-option", "vlm.model=other", "--reader-option", f"vlm.base-url={server}/v1")
        call = ("study", "second-opinion", "--data", films, "--out", "out", "--upscale", "lanczos", *fitted, *options)
        result = run(*call, "--readers", "classifier,composer,vlm=openai")
        assert result.code == 0, result.err
        seen = asked(server)
        assert seen == 16
        again = run(*call, "--readers", "classifier,composer,vlm=openai")
        assert again.code == 0, again.err
        assert asked(server) == seen  # everything was in the journals
    found = json.loads(Path("out/second_opinion.json").read_text())
    assert found["counts"]["all films"] == {"films": 16, "present": 8, "absent": 8}
    assert found["baseline"]["config"]["architecture"] == "resnet10t"
    assert found["baseline"]["epochs_run"] == 2
    assert not found["official_counts"]
    assert found["chain_px"] == {"lanczos": [28, 112, 224]}
    by_name = {(one["reader"], one["mode"]): one for one in found["opinions"]}
    assert {name: one["exposure"] for (name, _), one in by_name.items()} == {
        "classifier": "saw",
        "composer": "saw",
        "vlm": "unknown",
        "classifier-as-whole": "saw",
        "composer-as-whole": "saw",
    }
    # Asked as if the films had always been large, the networks answer by the calibration of whole films.
    whole = by_name["classifier-as-whole", "past the gate"]
    assert whole["auroc"]["n"] == 16
    assert not any(whole["groups"]["all films"]["said"][kind]["silent"] for kind in ("present", "absent"))
    # "The lungs are clear": no pneumonia on every film, which is right on half of them.
    vlm = by_name["vlm", "past the gate"]["groups"]["all films"]
    assert (vlm["right"], vlm["sensitivity"]["value"], vlm["specificity"]["value"]) == (8, 0.0, 1.0)
    assert len(rows()) == 5 * 16
    texts = {row["text"] for row in rows() if row["reader"] == "vlm"}
    assert texts == {chat_server.REPORT}
    page = Path("out/second_opinion.html").read_text()
    assert "<script" not in page
    assert "https://" not in page
    assert page.count("<article") == found["counts"]["misread"]["films"] + found["counts"]["matched sample"]["films"]
    assert str(Path.cwd()) not in page
    assert str(Path.cwd()) not in Path("out/second_opinion.json").read_text()


def test_a_sample_is_enough_and_is_weighted(run, films: str) -> None:
    call = ("study", "second-opinion", "--data", films, "--out", "out", "--classifier", "embedded", "--device", "cpu")
    result = run(
        *call,
        "--films",
        "sample",
        "--readers",
        "classifier",
        "--no-as-whole",
        "--resamples",
        "50",
        "--matched-ratio",
        "1",
    )
    assert result.code == 0, result.err
    found = json.loads(Path("out/second_opinion.json").read_text())
    misread, matched = (found["counts"][name] for name in ("misread", "matched sample"))
    for kind in ("present", "absent"):
        assert matched[kind] == min(misread[kind], 8 - misread[kind])
    assert len(rows()) == misread["films"] + matched["films"]
    assert found["baseline"]["exposure"] == "saw"
    assert found["published"]


def test_models_that_saw_the_films_can_be_left_out(run, films: str) -> None:
    call = ("study", "second-opinion", "--data", films, "--out", "out", "--classifier", "embedded", "--device", "cpu")
    result = run(*call, "--readers", "classifier,composer", "--leave-out-tainted")
    assert result.code == 2
    assert "saw these films" in result.err
    kept = run(*call, "--readers", "classifier", "--leave-out-tainted", "--source-word", "Elsewhere")
    assert kept.code == 0, kept.err
    assert json.loads(Path("out/second_opinion.json").read_text())["opinions"][0]["exposure"] == "apart"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--data", "missing.npz"), 4, "cannot be read"),
        (("--upscale", "magic"), 2, "is not known"),
        (("--upscale", "lanczos,lanczos"), 2, "each once"),
        (("--readers", "nobody"), 2, "no reader"),
        (("--readers", "a=classifier"), 2, "cannot be renamed"),
        (("--finding", "gout"), 2, "none of"),
        (("--classifier", "onnx:nowhere"), 5, "card.json"),
    ],
)
def test_what_makes_no_sense_is_refused(run, films: str, arguments: tuple[str, ...], code: int, told: str) -> None:
    given = {"--data": films, "--out": "out", "--classifier": "embedded"} | dict(
        zip(*[iter(arguments)] * 2, strict=True)
    )
    result = run("study", "second-opinion", *[word for pair in given.items() for word in pair])
    assert result.code == code, result.err
    assert told in result.err


def test_without_timm_the_cure_is_named(run, films: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lucidray.training.baseline", "timm"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "timm", None)
    pytest.importorskip("torch", reason="needs lucidray[train]")
    result = run("study", "second-opinion", "--data", films, "--out", "out")
    assert result.code == 5
    assert "lucidray[train,timm]" in result.err


def test_the_group_lists_its_studies(run) -> None:
    result = run("study")
    assert result.code == 0
    assert "second-opinion" in result.out
