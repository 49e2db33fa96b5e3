import csv
import json
import sys

import pytest
from sayings import items

from lucidray.batch.inputs import Item
from lucidray.batch.row import fault_row, row_of
from lucidray.batch.table import check_out, write_table
from lucidray.domain.errors import InputError, MissingExtraError, OutputError, UsageError
from lucidray.evaluation.report_tables import read_records


def row(place="a.png", message="broken", symptoms=None):
    from pathlib import Path

    return fault_row(Item(place, Path(place), symptoms=symptoms), InputError(message), 0.0)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", '=HYPERLINK("http://x","y")'])
def test_a_cell_that_a_spreadsheet_would_run_is_text(tmp_path, text) -> None:
    out = tmp_path / "out.csv"
    write_table(out, [row(text, symptoms=text)])
    (cells,) = csv.DictReader(out.open(newline=""))
    assert cells["path"] == "'" + text
    assert cells["symptoms"] == "'" + text
    # What lucidray reads back is the name itself.
    assert read_records_name(out) == text
    write_table(out, [row(text)], guard="none")
    assert next(csv.DictReader(out.open(newline="")))["path"] == text


def read_records_name(out):
    (record,), _ = read_records(out)
    return record.name


def test_numbers_are_never_guarded(tmp_path) -> None:
    from sayings import saying

    (item,) = items(tmp_path, 1)
    reading = saying("x")
    line = row_of(item, reading, -0.5)
    write_table(tmp_path / "out.csv", [line])
    assert next(csv.DictReader((tmp_path / "out.csv").open(newline="")))["seconds"] == "-0.5"


def test_jsonl_is_never_guarded(tmp_path) -> None:
    write_table(tmp_path / "out.jsonl", [row("=1")])
    assert json.loads((tmp_path / "out.jsonl").read_text())["path"] == "=1"


def test_text_with_lines_commas_and_quotes_survives(tmp_path) -> None:
    text = 'one, "two"\nthree; ä 胸 \u202e'
    write_table(tmp_path / "out.csv", [row(message="m", symptoms=text)])
    assert next(csv.DictReader((tmp_path / "out.csv").open(newline="", encoding="utf-8")))["symptoms"] == text


def test_excel_finds_its_mark(tmp_path) -> None:
    write_table(tmp_path / "a.csv", [row()])
    write_table(tmp_path / "b.csv", [row()], excel=True)
    assert not (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert (tmp_path / "b.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,")


@pytest.mark.parametrize("ending", ["csv", "jsonl", pytest.param("parquet", marks=pytest.mark.extra)])
def test_a_name_that_is_no_text(tmp_path, ending) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    write_table(tmp_path / f"out.{ending}", [row("\udcff.png", message="\udcff")])
    (record,), _ = read_records_or_text(tmp_path / f"out.{ending}")
    assert record == "\\udcff.png"


def read_records_or_text(path):
    records, strange = read_records(path)
    return [one.name for one in records], strange


def test_what_cannot_be_written_is_found_before_the_work(tmp_path, monkeypatch) -> None:
    with pytest.raises(UsageError, match="ends in"):
        check_out(tmp_path / "out.xlsx")
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        check_out(tmp_path / "taken" / "out.csv")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"lucidray\[parquet\]"):
        check_out(tmp_path / "out.parquet")


def test_what_a_reader_wrote_itself_is_what_is_measured(tmp_path) -> None:
    from lucidray.batch.measure import record_of

    (item,) = items(tmp_path, 1)
    box = {"label": "Mass", "box_xyxy_px": [0, 0, 9, 9], "side": None, "zone": None}
    own = row() | {"outcome": "read", "error": None, "report": "checked", "reader_text": "=own words"}
    own |= {"reader_boxes": [box, box | {"label": None}], "boxes": [box | {"label": "Nodule"}]}
    assert (record_of(item, own).text, list(record_of(item, own).boxes)) == ("=own words", ["Mass"])
    for name in ("out.csv", "out.jsonl"):
        write_table(tmp_path / name, [own])
        (record,), _ = read_records(tmp_path / name)
        assert (record.text, list(record.boxes)) == ("=own words", ["Mass"])
    composed = own | {"reader_text": None}
    assert (record_of(item, composed).text, list(record_of(item, composed).boxes)) == ("checked", ["Nodule"])
