import hashlib
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from lucidray.domain.errors import InputError, OutputError
from lucidray.store.films import Films

pytestmark = pytest.mark.extra
FILM = b"a film" * 1000


def keep(films: Films, content: bytes = FILM) -> str:
    with films.receive(BytesIO(content)) as received:
        films.keep(received)
        return received.sha256


def test_a_film_lies_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    films = Films(tmp_path)
    sha256 = keep(films)
    assert sha256 == hashlib.sha256(FILM).hexdigest()
    assert films.read(sha256) == FILM
    assert (tmp_path / "films" / sha256[:2] / sha256).read_bytes() == FILM
    assert films.all() == [sha256]


def test_nothing_is_left_of_a_film_that_is_not_kept(tmp_path: Path) -> None:
    films = Films(tmp_path)
    with films.receive(BytesIO(FILM)) as received:
        assert received.size == len(FILM)
    assert films.all() == []
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_source_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    class Broken(BytesIO):
        def read(self, size: int = -1) -> bytes:
            raise OSError(28, "No space left on device")

    films = Films(tmp_path)
    with pytest.raises(OutputError, match="No space"), films.receive(Broken()):
        pass
    assert list((tmp_path / "temp").iterdir()) == []


def test_the_same_film_twice_is_one_file(tmp_path: Path) -> None:
    films = Films(tmp_path)
    assert keep(films) == keep(films)
    assert len(films.all()) == 1


def test_a_film_that_was_changed_on_the_disk_is_not_given_out(tmp_path: Path) -> None:
    films = Films(tmp_path)
    sha256 = keep(films)
    (tmp_path / "films" / sha256[:2] / sha256).write_bytes(b"another film")
    with pytest.raises(InputError, match="damaged"):
        films.read(sha256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 64 + "/..", "g" * 64])
def test_what_is_no_hash_reaches_no_disk(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="hash"):
        Films(tmp_path).read(name)


def test_a_missing_film_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        Films(tmp_path).read("0" * 64)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
def test_nobody_else_may_look_in(tmp_path: Path) -> None:
    keep(Films(tmp_path / "store"))
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0
    assert (tmp_path / "store" / "films").stat().st_mode & 0o077 == 0


WRITER = """
import io, sys, time
from pathlib import Path
from lucidray.store.films import Films
with Films(Path(sys.argv[1])).receive(io.BytesIO(b"half")):
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file locks")
def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        Films(tmp_path)
        assert len(list((tmp_path / "temp").iterdir())) == 1
    finally:
        writer.kill()
        writer.wait()
    Films(tmp_path)
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="file locks")
def test_a_film_that_a_starting_process_cleared_away_too_early_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making of a temporary file and its lock, another process may think that nobody writes it."""
    from lucidray.store import films as module

    films = Films(tmp_path)
    lock, cleared = module._lock, []

    def late(file, *, wait: bool = False) -> None:
        if wait and not cleared:
            cleared.append(file.name)
            monkeypatch.setattr(module, "_lock", lock)
            Films(tmp_path)
        lock(file, wait=wait)

    monkeypatch.setattr(module, "_lock", late)
    sha256 = keep(films)
    assert cleared
    assert films.read(sha256) == FILM
    assert list((tmp_path / "temp").iterdir()) == []
