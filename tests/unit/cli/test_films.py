import io
import os
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from lucidray.cli.films import Film, looks_like_film, select
from lucidray.domain.errors import UsageError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
DICOM = bytes(128) + b"DICM" + bytes(200)


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, content: bytes = PNG) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def places(*arguments: str, out: Path | None = None) -> list[str]:
    return [Path(film.place).as_posix() for film in select(arguments, out).films]


def test_a_named_file_is_tried_whatever_it_holds_or_is() -> None:
    put("notes.txt", b"hello")
    assert places("notes.txt", "missing.dcm") == ["notes.txt", "missing.dcm"]


def test_a_folder_is_searched_to_the_bottom_in_order() -> None:
    put("in/b/IM0001", DICOM)
    put("in/a.png")
    put("in/b/notes.txt", b"no film at all")
    put("in/b/broken.DCM", b"")
    put("in/.hidden.png")
    put("in/.cache/x.png")
    put("in/empty", b"")
    selection = select(["in"])
    assert [Path(film.place).as_posix() for film in selection.films] == ["in/a.png", "in/b/IM0001", "in/b/broken.DCM"]
    assert selection.skipped == 3
    assert selection.many
    assert selection.faults == []


@pytest.mark.parametrize(
    ("head", "is_film"),
    [
        (DICOM, True),
        (PNG, True),
        (b"\xff\xd8\xff\xe0" + bytes(200), True),
        (b"II*\x00" + bytes(200), True),
        (b"MM\x00*" + bytes(200), True),
        (b"RIFF\x00\x00\x00\x00WEBP" + bytes(200), True),
        (b"RIFF\x00\x00\x00\x00WAVE" + bytes(200), False),
        (b"\x08\x00\x05\x00CS\x0a\x00" + bytes(200), True),
        (b"\x08\x00\x05\x00\x0a\x00\x00\x00" + bytes(200), True),
        (b"\x08\x00\x05\x00", False),
        (b"%PDF-1.7", False),
        (bytes(300), False),
        (b"", False),
    ],
)
def test_films_are_known_by_their_first_bytes(head: bytes, is_film: bool) -> None:
    assert looks_like_film(put("file", head)) is is_film


def test_a_dicomdir_is_no_film() -> None:
    listed = get_testdata_file("DICOMDIR", download=False)
    assert isinstance(listed, str)
    assert not looks_like_film(Path(listed))


def test_a_folder_without_films_is_a_fault() -> None:
    put("in/notes.txt", b"hello")
    selection = select(["in"])
    assert selection.films == []
    assert [(place, str(error), error.exit_code) for place, error in selection.faults] == [
        ("in", "no film in this folder", 4)
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_links_are_followed_but_never_in_circles_or_up() -> None:
    put("elsewhere/film.png")
    put("in/a.png")
    put("beside.png")
    Path("in/loop").symlink_to(Path("in").absolute())
    Path("in/up").symlink_to(Path.cwd())
    Path("in/more").symlink_to(Path("elsewhere").absolute())
    Path("in/broken.png").symlink_to("nowhere")
    selection = select(["in"])
    assert [Path(film.place).as_posix() for film in selection.films] == ["in/a.png", "in/more/film.png"]
    assert selection.skipped == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name on this system")
def test_a_pipe_in_a_folder_does_not_block() -> None:
    put("in/a.png")
    os.mkfifo("in/pipe")
    assert places("in") == ["in/a.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_not_passed_over() -> None:
    put("in/a.png").chmod(0)
    put("in/closed/b.png").parent.chmod(0)
    selection = select(["in"])
    Path("in/closed").chmod(0o755)
    assert [Path(film.place).as_posix() for film in selection.films] == ["in/a.png"]
    assert [Path(place).as_posix() for place, _ in selection.faults] == ["in/closed"]


def test_readings_are_not_taken_for_films() -> None:
    put("in/a.png")
    put("in/out/film/overlay.png")
    put("in/earlier/film/overlay.png")
    put("in/earlier/film/reading.json")
    put("in/earlier/film/report.html")
    assert places("in", out=Path("in/out")) == ["in/a.png"]
    with pytest.raises(UsageError, match="among the films"):
        select(["in"], Path("in/../in"))


def test_readings_may_go_above_the_films() -> None:
    put("in/deep/a.png")
    assert places("in/deep", out=Path("in")) == ["in/deep/a.png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("chest.dcm", "chest"),
        ("chest.DCM", "chest"),
        ("chest.final.png", "chest.final"),
        ("1.2.840.113619.2", "1.2.840.113619.2"),
        ("IM0001", "IM0001"),
    ],
)
def test_only_known_endings_are_cut_from_a_name(name: str, stem: str) -> None:
    assert [film.stem for film in select([name]).films] == [stem]


def test_two_films_of_one_name_are_told_apart_by_their_folder() -> None:
    assert [film.stem for film in select(["a/film.dcm", "b/Film.png"]).films] == ["film", "b-Film"]


def test_stdin_once() -> None:
    selection = select(["-"])
    assert selection.films == [Film("-", None, "stdin")]
    assert not selection.many
    with pytest.raises(UsageError, match="once"):
        select(["-", "-"])


class Piped(io.TextIOWrapper):
    def __init__(self, content: bytes, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content))
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_stdin_is_read_as_bytes_and_no_further_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Piped(b"\xff\x00film and more"))
    assert Film("-", None, "stdin").source(max_bytes=5) == b"\xff\x00film"


def test_a_terminal_is_no_film(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Piped(b"", terminal=True))
    with pytest.raises(UsageError, match="nothing is piped in"):
        Film("-", None, "stdin").source(max_bytes=5)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd on this system")
def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, PNG)
    os.close(writing)
    film = select([f"/dev/fd/{reading}"]).films[0]
    assert film.source(max_bytes=1000) == PNG
    os.close(reading)
