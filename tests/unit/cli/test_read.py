import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from lucidray.api import Lucidray
from lucidray.cli.schema import reading_schema
from lucidray.domain.errors import ModelError
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import UPRIGHT, FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request
from lucidray.readers.composer import Composer


def save_film(path: str, height: int = 320, width: int = 256) -> Path:
    """Write a picture that the fake models take for a chest; a landscape is one of something else."""
    y, x = np.indices((height, width)) / height
    pixels = (127 + 100 * np.sin(7 * x) * np.cos(5 * y)).astype(np.uint8)
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, format="PNG")
    return file


class Judge(FakeSegmenter):
    """Takes landscapes for something else than a chest."""

    def segment(self, pixels):
        height, width = pixels.shape
        return self.anatomy, UPRIGHT if height >= width else replace(UPRIGHT, frontal=0.01, not_chest=0.98)


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Load models that answer what they are told to; returns what was asked of `load`."""
    asked = []

    def load(*, weights, threads, language, fix_orientation, limits, **others):
        asked.append({"weights": weights, "threads": threads, "language": language, "fix_orientation": fix_orientation})
        asked[-1] |= others
        if weights is not None:
            raise ModelError("weights are missing")
        parts = Models(Judge(), FakeClassifier(dict.fromkeys(LABELS, 0.1) | {"Effusion": 0.9}), Composer())
        return Lucidray(parts, Request(language=language, fix_orientation=fix_orientation, limits=limits))

    monkeypatch.setattr("lucidray.api.load", load)
    return asked


def test_one_film_prints_the_report(run) -> None:
    save_film("chest.png")
    result = run("read", "chest.png")
    assert result.code == 0
    assert result.err == ""
    assert "chest.png" in result.out
    assert "Effusion" in result.out
    assert "Not for clinical diagnosis" in result.out


def test_json_of_one_film_is_one_object_and_nothing_else(run) -> None:
    save_film("chest.png")
    result = run("read", "chest.png", "--json")
    jsonschema.validate(json.loads(result.out), json.loads(reading_schema()))
    assert result.err == ""


def test_json_of_several_films_is_one_line_a_film(run) -> None:
    save_film("a.png")
    Path("empty.dcm").touch()
    save_film("landscape.png", 200, 400)
    result = run("read", "a.png", "empty.dcm", "missing.dcm", "landscape.png", "--json")
    first, empty, missing, refused = (json.loads(line) for line in result.out.splitlines())
    assert first["accepted"]
    assert not refused["accepted"]
    assert empty == {
        "file": "empty.dcm",
        "error": {"type": "InputError", "message": "the file is empty", "exit_code": 4},
    }
    assert missing["error"]["message"] == "no such file"
    assert result.errors == ["error: empty.dcm: the file is empty", "error: missing.dcm: no such file"]
    assert result.code == 4
    assert "1 unreadable" not in result.err
    assert "1 read, 1 refused, 2 unreadable" in result.err


def test_a_refused_film_is_3_and_says_why(run) -> None:
    save_film("landscape.png", 200, 400)
    result = run("read", "landscape.png")
    assert result.code == 3
    assert "REFUSED" in result.out
    assert "Effusion" not in result.out


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.dcm", b""), ("text.dcm", b"Dear colleague,"), ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")],
)
def test_what_is_no_film_is_one_line_and_4(run, name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    result = run("read", name)
    assert result.code == 4
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert result.err.startswith(f"error: {name}: ")
    assert result.err.count(name) == 1


def test_a_folder_is_searched_and_tells_what_it_passed_over(run) -> None:
    save_film("in/a.png")
    save_film("in/deep/b.png")
    Path("in/notes.txt").write_text("hello")
    result = run("read", "in")
    assert result.code == 0
    assert result.err == "2 read; 1 other file skipped\n"
    assert result.out.index(str(Path("in/a.png"))) < result.out.index(str(Path("in/deep/b.png")))


def test_a_folder_without_films_is_4_and_loads_no_model(run, models) -> None:
    Path("in").mkdir()
    result = run("read", "in")
    assert result.code == 4
    assert result.errors == ["error: in: no film in this folder"]
    assert models == []


def test_one_bad_film_never_stops_the_others(run, monkeypatch) -> None:
    save_film("a.png")
    save_film("b.png")
    whole = Lucidray.read

    def broken(self, source, **options):
        if options["name"] == "a.png":
            raise ZeroDivisionError("surprise")
        return whole(self, source, **options)

    monkeypatch.setattr(Lucidray, "read", broken)
    result = run("read", "a.png", "b.png", "--json")
    first, second = (json.loads(line) for line in result.out.splitlines())
    assert first["error"]["type"] == "ZeroDivisionError"
    assert first["error"]["exit_code"] == 1
    assert second["accepted"]
    assert result.code == 1
    assert len(result.errors) == 1
    assert "this is a fault of lucidray: ZeroDivisionError: surprise" in result.errors[0]
    assert "Traceback" not in result.err
    assert "Traceback" in run("read", "a.png", "--debug").err


def test_the_highest_exit_code_wins(run) -> None:
    save_film("landscape.png", 200, 400)
    save_film("a.png")
    assert run("read", "landscape.png", "a.png").code == 3
    assert run("read", "missing", "landscape.png", "a.png").code == 4


def test_missing_weights_are_5_and_one_line(run, monkeypatch) -> None:
    save_film("a.png")
    save_film("b.png")
    monkeypatch.setenv("LUCIDRAY_WEIGHTS", "nowhere")
    result = run("read", "a.png", "b.png")
    assert result.code == 5
    assert result.err == "error: weights are missing\n"


def test_ctrl_c_leaves_nothing_half_written(run, monkeypatch) -> None:
    save_film("a.png")
    save_film("b.png")
    whole = Lucidray.read

    def stopped(self, source, **options):
        if options["name"] == "b.png":
            raise KeyboardInterrupt
        return whole(self, source, **options)

    monkeypatch.setattr(Lucidray, "read", stopped)
    result = run("read", "a.png", "b.png", "--out", "readings")
    assert result.code == 130
    assert result.errors == []
    assert [path.name for path in Path("readings").iterdir()] == ["a"]


def test_files_are_written_one_folder_a_film(run) -> None:
    save_film("x/film.png")
    save_film("y/film.png")
    result = run("read", "x", "y", "--out", "readings", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert sorted(path.name for path in Path("readings").iterdir()) == ["film", "y-film"]
    assert (Path("readings") / "film" / "report.html").is_file()


def test_a_place_that_cannot_be_written_to_is_found_before_the_work(run, monkeypatch) -> None:
    save_film("a.png")
    Path("taken").write_text("a file")
    monkeypatch.setattr(Lucidray, "read", lambda *_, **__: pytest.fail("it was read"))
    result = run("read", "a.png", "--out", "taken")
    assert result.code == 1
    assert result.err.startswith("error: taken cannot be made: ")
    assert result.err.count("\n") == 1


def test_what_is_asked_reaches_the_reading(run, models) -> None:
    save_film("a.png")
    options = ["--symptoms", "fever", "--age", "61", "--sex", "Female", "--view", "ap SUPINE", "--fix-orientation"]
    reading = json.loads(run("read", "a.png", "--json", *options).out)
    image = reading["image"]
    assert (reading["symptoms"], image["age"], image["sex"], image["view"]) == ("fever", 61, "female", "AP supine")
    assert models[-1]["fix_orientation"] is True


def test_settings_reach_the_models(run, models, monkeypatch) -> None:
    save_film("a.png")
    monkeypatch.setenv("LUCIDRAY_THREADS", "2")
    monkeypatch.setenv("LUCIDRAY_MAX_PIXELS", "1000")
    result = run("read", "a.png")
    assert models[-1]["threads"] == 2
    assert result.code == 4
    assert "more than the limit of 1,000" in result.err


def test_classifier_and_device_reach_the_models(run, models, monkeypatch) -> None:
    save_film("a.png")
    monkeypatch.setenv("LUCIDRAY_CLASSIFIER", "onnx:one")
    assert run("read", "a.png").code == 0
    assert (models[-1]["classifier"], models[-1]["device"]) == ("onnx:one", "auto")
    assert run("read", "a.png", "--classifier", "onnx:other", "--device", "cpu").code == 0
    assert (models[-1]["classifier"], models[-1]["device"]) == ("onnx:other", "cpu")
    assert run("read", "a.png", "--device", "tpu").code == 2


def test_an_unknown_language_is_wrong_use_told_once(run) -> None:
    save_film("a.png")
    save_film("b.png")
    result = run("read", "a.png", "b.png", "--language", "xx")
    assert result.code == 2
    assert len(result.errors) == 1


def test_a_film_from_stdin(run, monkeypatch) -> None:
    content = save_film("a.png").read_bytes()
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as sink:
        sink.write(content)
    with os.fdopen(reading, "r", encoding="latin-1") as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        result = run("read", "-", "--json")
    assert json.loads(result.out)["image"]["name"] == "stdin"


@pytest.mark.skipif(sys.platform == "win32", reason="no such names on Windows")
def test_a_hostile_name_cannot_break_the_line_or_steer_the_terminal(run) -> None:
    Path("a\n\x1b[2Jerror: b.dcm").touch()
    result = run("read", "a\n\x1b[2Jerror: b.dcm")
    assert result.err.count("\n") == 1
    assert "\x1b" not in result.err
    save_film("c\x1b[2J\nd.png")
    result = run("read", ".")
    assert result.code == 4
    assert "\x1b" not in result.out + result.err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems only take names that are text")
def test_a_name_that_is_no_text(run) -> None:
    film = save_film("a.png")
    name = os.fsdecode(b"\xff.png")
    film.rename(name)
    result = run("read", name, "--json", "--out", "readings")
    assert result.code == 0
    assert json.loads(result.out)["accepted"]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A browser that only notes what it was to open."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda page: opened.append(page) or True)
    return opened


def test_open_writes_the_page_and_opens_it(run, browser, monkeypatch) -> None:
    save_film("a.png")
    monkeypatch.setenv("DISPLAY", ":0")
    result = run("read", "a.png", "--open")
    assert result.code == 0
    assert browser == [(Path.cwd() / "reading" / "a" / "report.html").as_uri()]


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="these systems always have a display")
def test_open_without_a_display_says_where_the_page_lies(run, browser) -> None:
    save_film("a.png")
    result = run("read", "a.png", "--open")
    assert result.code == 0
    assert browser == []
    assert f"no display to open it on; the report is {Path.cwd() / 'reading' / 'a' / 'report.html'}" in result.err


def test_the_demo_reads_a_film_that_is_there(run, browser, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    result = run("demo")
    assert result.code in {0, 3}
    assert "RG1_UNCR.dcm" in result.out
    assert browser == [(Path.cwd() / "demo-reading" / "RG1_UNCR" / "report.html").as_uri()]
    browser.clear()
    run("demo", "--no-open", "--out", "elsewhere")
    assert browser == []
    assert (Path("elsewhere") / "RG1_UNCR" / "reading.json").is_file()


def test_the_demo_never_downloads(run, monkeypatch) -> None:
    def nothing(_name: str, *, download: bool) -> None:
        assert download is False

    monkeypatch.setattr("pydicom.data.get_testdata_file", nothing)
    result = run("demo")
    assert result.code == 5
    assert result.err.count("\n") == 1
    assert "pip install 'lucidray[demo]'" in result.err
