"""The output folder: whole or not at all, never over another one, with a name that every system takes."""

import json
import multiprocessing
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lucidray.domain.errors import OutputError
from lucidray.domain.reading import Reading
from lucidray.reporting import folder, html, overlay
from lucidray.reporting.folder import safe_stem, write
from tests.readings import accepted_reading, refused_reading


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def test_a_reading_is_written_whole(tmp_path: Path) -> None:
    reading = accepted_reading()
    written = write(reading, tmp_path / "new" / "out", "chest")
    assert written == tmp_path / "new" / "out" / "chest"
    heatmaps = [path.name for path in (written / "heatmaps").iterdir()]
    assert len(heatmaps) == 12
    assert "pleural-thickening.png" in heatmaps
    assert {path.name for path in written.iterdir()} == {"reading.json", "report.html", "overlay.png", "heatmaps"}
    loaded = Reading.model_validate_json((written / "reading.json").read_text(encoding="utf-8"))
    assert loaded.model_dump() == reading.model_dump()
    assert (written / "report.html").read_text(encoding="utf-8") == html.render(reading)
    assert Image.open(written / "overlay.png").size == overlay.draw(reading).size
    assert [path.name for path in written.parent.iterdir()] == ["chest"]


def test_a_refused_film_is_written_without_heatmaps(tmp_path: Path) -> None:
    written = write(refused_reading(), tmp_path, "chest")
    assert files(written) == ["overlay.png", "reading.json", "report.html"]
    assert json.loads((written / "reading.json").read_text())["accepted"] is False


def test_permissions_are_those_of_any_new_folder(tmp_path: Path) -> None:
    written = write(refused_reading(), tmp_path, "chest")
    plain = tmp_path / "plain"
    plain.mkdir()
    assert written.stat().st_mode == plain.stat().st_mode


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "chest").write_text("a file, not ours")
    (tmp_path / "chest-2").mkdir()
    names = [write(refused_reading(), tmp_path, "chest").name for _ in range(3)]
    assert names == ["chest-3", "chest-4", "chest-5"]
    assert (tmp_path / "chest").read_text() == "a file, not ours"
    assert files(tmp_path / "chest-2") == []


@pytest.mark.parametrize("broken", ["html", "overlay", "heatmaps"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a bug"), KeyboardInterrupt()])
def test_a_failure_midway_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    module, name = {
        "html": (folder.html, "render"),
        "overlay": (folder.overlay, "draw"),
        "heatmaps": (folder.heatmaps, "render_all"),
    }[broken]
    monkeypatch.setattr(module, name, fail)
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as raised:
        write(accepted_reading(), tmp_path, "chest")
    assert list(tmp_path.iterdir()) == []
    if expected is OutputError:
        assert "No space left on device" in str(raised.value)


def test_a_name_taken_between_looking_and_renaming_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "chest"
    other.mkdir()
    (other / "reading.json").write_text("another process's")
    really = os.path.lexists
    answers = iter([False])
    monkeypatch.setattr(os.path, "lexists", lambda path: next(answers, None) if path == other else really(path))
    with_first_look_blind = write(refused_reading(), tmp_path, "chest")
    assert with_first_look_blind.name == "chest-2"
    assert (other / "reading.json").read_text() == "another process's"


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="out"):
        write(refused_reading(), tmp_path / "out", "chest")
    with pytest.raises(OutputError):
        write(refused_reading(), tmp_path / "out" / "below", "chest")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="these bits forbid nothing to root, nor on Windows")
def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="ermission"):
        write(refused_reading(), tmp_path, "chest")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def _write_some(out: Path, names: "multiprocessing.Queue[str]") -> None:
    for _ in range(4):
        names.put(write(refused_reading(), out, "chest").name)


def test_two_processes_never_share_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_write_some, args=(tmp_path, names)) for _ in range(2)]
    for process in processes:
        process.start()
    given_names = [names.get(timeout=60) for _ in range(8)]
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    assert sorted(given_names) == sorted(path.name for path in tmp_path.iterdir())
    assert len(set(given_names)) == 8
    for name in given_names:
        assert files(tmp_path / name) == ["overlay.png", "reading.json", "report.html"]


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("chest", "chest"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "film"),
        ("", "film"),
        (" . ", "film"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("C:\\films\\a", "C__films_a"),
        ("a\x00b\nc\x1b[2J\u202ed", "abc[2Jd"),
        ("CON", "_CON"),
        ("nul.tar", "_nul.tar"),
        ("com1", "_com1"),
        ("console", "console"),
        ("trailing. ", "trailing"),
        ("e\u0301tude", "étude"),
        ("שלום 肺", "שלום 肺"),
    ],
)
def test_names_are_made_safe(text: str, stem: str) -> None:
    assert safe_stem(text) == stem


@given(st.text())
def test_any_text_becomes_a_name_within_the_folder(text: str) -> None:
    stem = safe_stem(text)
    assert 0 < len(stem) <= 81
    assert len(stem.encode()) <= 210
    assert not set(stem) & set('/\\:*?"<>|\x00')
    assert stem[0] not in ".- "
    assert stem[-1] not in ". "
    assert unicodedata.is_normalized("NFC", stem)
    assert safe_stem(stem) == stem


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    assert len(write(refused_reading(), tmp_path, "肺" * 300).name) == 66
    assert len(write(refused_reading(), tmp_path, "x" * 300).name) == 80
