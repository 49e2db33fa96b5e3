import csv
import json
from pathlib import Path

import pytest
from films_on_disk import write_film, write_rows

from lucidray.datasets.entry import Inputs
from lucidray.datasets.manifest import read_manifest
from lucidray.datasets.prepare import Options, Prepared, prepare
from lucidray.datasets.prepared_folder import check_out, describe, write
from lucidray.datasets.split import split_of
from lucidray.domain.errors import InputError, OutputError
from lucidray.domain.radiograph import Radiograph

PLAIN = ("image", "patient", "view", "Effusion", "Pneumonia")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        write_film(tmp_path / "films" / f"f{number}.png", number)
    rows = [(f"f{number}.png", f"p{number // 2}", "PA", number % 2, "-1" if number == 4 else 0) for number in range(12)]
    write_rows(tmp_path / "labels.csv", PLAIN, rows)
    return tmp_path


def prepared(folder: Path, options: Options | None = None, **more: object) -> Prepared:
    inputs = Inputs((folder / "labels.csv",), folder / "films", **more)  # type: ignore[arg-type]
    return prepare("folder", inputs, options or Options())


def test_all_films_are_kept_with_their_labels(folder: Path) -> None:
    found = prepared(folder)
    assert [film.film for film in found.manifest.films] == [f"f{number}.png" for number in range(12)]
    assert found.manifest.films[4].truth == {"Effusion": "negative", "Pneumonia": "uncertain"}
    assert found.manifest.films[4].size_px == (160, 140)
    for film in found.manifest.films:
        assert film.split == split_of(film.patient)


def test_what_cannot_be_used_is_left_out_with_the_reason(folder: Path) -> None:
    (folder / "films" / "f1.png").write_bytes((folder / "films" / "f1.png").read_bytes()[:200])
    (folder / "films" / "f2.png").unlink()
    rows = list(csv.reader((folder / "labels.csv").open(encoding="utf-8")))
    rows[4][2] = "LATERAL"  # f3
    rows[5][2] = ""  # f4
    write_rows(folder / "labels.csv", rows[0], rows[1:])
    found = prepared(folder, Options(unknown_view="drop"))
    assert {film: kind for film, kind, _ in found.dropped} == {
        "f1.png": "unreadable",
        "f2.png": "no file",
        "f3.png": "lateral view",
        "f4.png": "view not known",
    }
    assert len(found.manifest.films) == 8
    assert len(prepared(folder).manifest.films) == 9  # unknown views are kept where nobody says otherwise


def test_looking_leaves_out_what_does_not_look_frontal(folder: Path) -> None:
    rows = [(f"f{number}.png", f"p{number}", "PA" if number else "", 0, 0) for number in range(3)]
    write_rows(folder / "labels.csv", PLAIN, rows)
    seen: list[str] = []

    def look(film: Radiograph) -> str:
        seen.append(film.name)
        return "it looks lateral"

    inputs = Inputs((folder / "labels.csv",), folder / "films")
    found = prepare("folder", inputs, Options(unknown_view="look"), look=look)
    # A view that the label file names is believed.
    assert [(film, kind) for film, kind, _ in found.dropped] == [("f0.png", "does not look frontal")]
    assert "f0.png" in seen


def test_a_file_that_two_labels_claim_is_nobodys(folder: Path) -> None:
    rows = [("a/b/f0.png", "p1", "PA", 1, 0), ("f0.png", "p2", "PA", 0, 0), ("f1.png", "p3", "PA", 0, 0)]
    write_rows(folder / "labels.csv", PLAIN, rows)
    (folder / "films" / "b").mkdir()
    (folder / "films" / "f0.png").rename(folder / "films" / "b" / "f0.png")
    found = prepared(folder)
    assert [film.film for film in found.manifest.films if film.patient == "p2"] == []


def test_boxes_are_scaled_and_checked(folder: Path) -> None:
    header = ("image", "label", "x", "y", "width", "height")
    write_rows(
        folder / "boxes.csv", header, [("f1.png", "Effusion", 10, 20, 30, 40), ("f9", "Effusion", 0, 0, 140, 160)]
    )
    found = {film.film: film.boxes for film in prepared(folder).manifest.films if film.boxes}
    assert found["f1.png"][0].xyxy_px == (10, 20, 40, 60)
    assert found["f9.png"][0].origin == "radiologist"
    half = prepared(folder, box_side=320).manifest.films[1].boxes[0]
    assert half.xyxy_px == pytest.approx((10 * 140 / 320, 20 * 160 / 320, 40 * 140 / 320, 60 * 160 / 320), abs=0.01)


def test_boxes_of_other_films_stop_it(folder: Path) -> None:
    header = ("image", "label", "x", "y", "width", "height")
    write_rows(folder / "boxes.csv", header, [("f1.png", "Effusion", 600, 700, 30, 40)])
    with pytest.raises(InputError, match="--box-side"):
        prepared(folder)


def test_an_opacity_takes_the_one_name_that_it_can_have(folder: Path) -> None:
    rows = [("f0.png", "p", "PA", 0, 1), ("f1.png", "q", "PA", 0, 0)]
    write_rows(folder / "labels.csv", PLAIN, rows)
    header = ("image", "label", "x", "y", "width", "height")
    write_rows(folder / "boxes.csv", header, [(f"f{n}.png", "Lung Opacity", 1, 1, 30, 40) for n in (0, 1)])
    films = prepared(folder).manifest.films
    assert [film.boxes[0].finding for film in films] == ["Pneumonia", "Lung Opacity"]


def test_corrections_of_a_model_only_train(folder: Path) -> None:
    header = ("image", "patient_id", "finding_labels", "known_labels", "view", "model_assisted", "split")
    rows = [
        (f"f{n}.png", f"feedback-{n}", "Effusion" if n else "No Finding", "Effusion|Mass", "PA", 1, "train")
        for n in range(12)
    ]
    write_rows(folder / "labels.csv", header, rows)
    write_rows(
        folder / "boxes.csv", ("image", "label", "x", "y", "width", "height"), [("f1.png", "Effusion", 1, 1, 30, 40)]
    )
    found = prepared(folder)
    assert {film.split for film in found.manifest.films} == {"train"}
    assert all(film.model_assisted for film in found.manifest.films)
    assert found.manifest.films[1].boxes[0].origin == "model_assisted"
    # Nobody said anything of the other findings, nor that the first film is normal.
    assert found.manifest.films[0].truth == {"Effusion": "negative", "Mass": "negative"}
    assert found.manifest.films[1].truth["Any abnormality"] == "positive"


def test_the_folder_holds_everything(folder: Path) -> None:
    (folder / "films" / "f3.png").write_bytes(b"no film")
    found = prepared(folder)
    inputs = Inputs((folder / "labels.csv",), folder / "films")
    out = folder / "new" / "out"
    check_out(out, overwrite=False)
    write(found, out, describe("folder", inputs, Options(), found))
    back = read_manifest(out)
    assert back.films == found.manifest.films
    about = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert about["left_out"] == {"unreadable": 1}
    assert sum(split["films"] for split in about["counts"].values()) == 11
    assert (out / "spatial.csv").read_text(encoding="utf-8").startswith("film,split,finding")
    assert "f3.png,unreadable," in (out / "left_out.csv").read_text(encoding="utf-8")
    assert not list(out.parent.glob(".*"))


def test_nothing_is_overwritten_unasked(folder: Path) -> None:
    found = prepared(folder)
    out = folder / "out"
    write(found, out, {})
    with pytest.raises(OutputError, match="--overwrite"):
        write(found, out, {})
    write(found, out, {"again": True}, overwrite=True)
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["again"] is True
    with pytest.raises(OutputError, match="was not written by"):
        write(found, folder / "films", {}, overwrite=True)
    assert (folder / "films" / "f0.png").is_file()


def test_films_that_are_elsewhere_are_one_clear_error(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="name their folder with --images"):
        prepare("folder", Inputs((folder / "labels.csv",), folder / "empty"))


def test_films_without_a_label_are_told(folder: Path) -> None:
    write_film(folder / "films" / "more.png", 99)
    found = prepared(folder)
    assert len(found.manifest.films) == 12
    assert any(note.startswith("1 files below") for note in found.notes)


def test_a_limit_is_spread(folder: Path) -> None:
    assert [film.film for film in prepared(folder, Options(limit=3)).manifest.films] == ["f0.png", "f4.png", "f8.png"]


def test_threads_say_the_same(folder: Path) -> None:
    (folder / "films" / "f5.png").write_bytes(b"")
    one, several = prepared(folder), prepared(folder, Options(workers=3))
    assert one.manifest == several.manifest
    assert one.dropped == several.dropped
