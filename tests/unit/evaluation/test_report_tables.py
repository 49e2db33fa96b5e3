import json

import pytest
from readings import accepted_reading, refused_reading

from lucidray.domain.errors import InputError, UsageError
from lucidray.evaluation.report_tables import match, read_records


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_every_kind_of_file_says_the_same(tmp_path) -> None:
    rows = [{"image": "a", "report": "Clear."}, {"image": "b", "report": "Mass, left"}]
    files = [
        write(tmp_path / "a.json", json.dumps(rows)),
        write(tmp_path / "b.json", json.dumps({"a": "Clear.", "b": "Mass, left"})),
        write(tmp_path / "c.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n"),
        write(tmp_path / "d.csv", 'image,report\na,Clear.\nb,"Mass, left"\n'),
    ]
    for file in files:
        records, _ = read_records(file)
        assert [(one.name, one.text) for one in records] == [("a", "Clear."), ("b", "Mass, left")]


def test_whole_readings_are_read_with_boxes_and_probabilities(tmp_path) -> None:
    lines = [accepted_reading(name="a.dcm").model_dump_json(), refused_reading(name="b.png").model_dump_json()]
    file = write(tmp_path / "readings.jsonl", "\n".join(lines))
    accepted, refused = read_records(file)[0]
    assert accepted.name == "a.dcm"
    assert accepted.text.startswith("Signs of a pleural effusion")
    assert accepted.probabilities["Effusion"] == 0.63
    assert len(accepted.boxes["Nodule"]) == 2
    assert (refused.name, refused.text) == ("b.png", "")


def test_columns_that_are_named(tmp_path) -> None:
    file = write(tmp_path / "a.csv", "study,words,subject_id\n1,Clear.,7\n")
    with pytest.raises(InputError, match="--id"):
        read_records(file)
    with pytest.raises(InputError, match="--text"):
        read_records(file, id_column="study")
    with pytest.raises(InputError, match="no column 'other'"):
        read_records(file, id_column="study", text_column="other")
    (record,), _ = read_records(file, id_column="study", text_column="words")
    assert (record.name, record.text, record.patient) == ("1", "Clear.", "7")


def test_rows_about_one_film(tmp_path) -> None:
    same = write(tmp_path / "a.csv", "image,report\na,Clear.\na,Clear.\n")
    assert len(read_records(same)[0]) == 1
    with pytest.raises(InputError, match="say different things"):
        read_records(write(tmp_path / "b.csv", "image,report\na,Clear.\na,Mass.\n"))


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", "{", "cannot be read"),
        ("a.json", "[1]", "no object"),
        ("a.csv", "image,report\n", "no rows"),
        ("a.csv", "image,report\na\n", "cells"),
        ("a.csv", "image,effusion\na,perhaps\n", "row 1: effusion = 'perhaps'"),
        ("a.jsonl", '{"image": "a", "report": "x", "boxes": [{"label": "Mass"}]}', "row 1: boxes"),
        ("a.jsonl", '{"image": "", "report": "x"}', "no name"),
    ],
)
def test_files_that_are_wrong(tmp_path, name, text, reason) -> None:
    with pytest.raises(InputError, match=reason):
        read_records(write(tmp_path / name, text))
    with pytest.raises(UsageError, match="ends in"):
        read_records(write(tmp_path / "a.txt", ""))


def test_partners(tmp_path) -> None:
    predicted, _ = read_records(write(tmp_path / "a.csv", "image,report\nx/a.png,A\nx/b.png,B\n"))
    known, _ = read_records(write(tmp_path / "b.csv", "image,report\nb.png,BB\nc.png,CC\n"))
    pairs = match(predicted, known)
    assert (pairs.by, [one.text for one in pairs.references]) == ("file name", ["BB"])
    assert (pairs.only_predicted, pairs.only_referenced) == (["x/a.png"], ["c.png"])
    exact = match(predicted, predicted)
    assert (exact.by, len(exact.predictions)) == ("name", 2)
    twice, _ = read_records(write(tmp_path / "c.csv", "image,report\nx/b.png,A\ny/b.png,B\n"))
    with pytest.raises(InputError, match="repeat in the predictions"):
        match(twice, known)
    with pytest.raises(InputError, match="no film is in both"):
        match(known, read_records(write(tmp_path / "d.csv", "image,report\nz,A\n"))[0])


def test_a_film_of_which_nothing_is_known_is_no_reference(tmp_path) -> None:
    predicted, _ = read_records(write(tmp_path / "a.csv", "image,report\na,A\nb,B\n"))
    known, strange = read_records(write(tmp_path / "b.csv", "image,label\na,pneumonia\nb,bacterial pneumonia\n"))
    pairs = match(predicted, known)
    assert ([one.name for one in pairs.references], pairs.only_predicted, strange) == (
        ["a"],
        ["b"],
        {"bacterial pneumonia"},
    )
