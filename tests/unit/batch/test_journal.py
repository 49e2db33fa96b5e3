import json

import pytest
from sayings import items

from lucidray.batch.journal import Journal, stamp_of
from lucidray.batch.row import fault_row
from lucidray.domain.errors import InputError, OutputError

HEAD = {"reader": "fake"}


def written(path, films):
    with Journal(path, HEAD, resume=False) as journal:
        for item in films:
            journal.append(item.key, stamp_of(item.path), fault_row(item, InputError(item.place), 0.0))


def test_rows_come_back(tmp_path) -> None:
    films = items(tmp_path, 3)
    written(tmp_path / "j", films)
    with Journal(tmp_path / "j", HEAD, resume=True) as journal:
        assert [journal.row(item.key)["path"] for item in films] == ["0.png", "1.png", "2.png"]
        assert journal.entries[films[0].key].stamp == stamp_of(films[0].path)
        assert not journal.recovery.torn


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_torn_last_line_is_cut_off_and_written_again(tmp_path, left) -> None:
    films, path = items(tmp_path, 3), tmp_path / "j"
    written(path, films)
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:-1]) + whole[-1][:left])
    with Journal(path, HEAD, resume=True) as journal:
        assert journal.recovery.torn
        assert set(journal.entries) == {films[0].key, films[1].key}
        journal.append(films[2].key, None, fault_row(films[2], InputError("again"), 0.0))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["row"]["path"] for line in lines[1:]] == ["0.png", "1.png", "2.png"]


def test_a_torn_first_line_begins_anew(tmp_path) -> None:
    path = tmp_path / "j"
    path.write_text('{"lucidray_ba')
    with Journal(path, HEAD, resume=True) as journal:
        assert journal.entries == {}
    assert json.loads(path.read_text())["reader"] == "fake"


def test_damage_in_the_middle_costs_that_film_only(tmp_path) -> None:
    films, path = items(tmp_path, 3), tmp_path / "j"
    written(path, films)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\0" * (len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    with Journal(path, HEAD, resume=True) as journal:
        assert set(journal.entries) == {films[0].key, films[2].key}
        assert journal.recovery.damaged == 1
        assert journal.row(films[2].key)["path"] == "2.png"


def test_another_file_of_that_name_is_not_touched(tmp_path) -> None:
    path = tmp_path / "j"
    path.write_text('{"somebody": "else"}\n')
    with pytest.raises(OutputError, match="no journal"):
        Journal(path, HEAD, resume=True)
    assert path.read_text() == '{"somebody": "else"}\n'


def test_the_later_of_two_rows_holds(tmp_path) -> None:
    (item,) = items(tmp_path, 1)
    with Journal(tmp_path / "j", HEAD, resume=False) as journal:
        for text in ("first", "second"):
            journal.append(item.key, None, fault_row(item, InputError(text), 0.0))
    with Journal(tmp_path / "j", HEAD, resume=True) as journal:
        assert journal.row(item.key)["error"]["message"] == "second"
