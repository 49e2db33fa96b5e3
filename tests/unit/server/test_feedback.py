import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from servers import client, png, service

from lucidray.domain.errors import OutputError
from lucidray.server.feedback import decided, export
from lucidray.store.edits import Edit, EditedBox
from lucidray.training.films import OUTPUTS, _feedback

pytestmark = pytest.mark.extra


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def api(tmp_path):
    with client(service(tmp_path / "store")) as one:
        yield one


def edited(api, film: bytes, *, signed: bool = True, **parts) -> dict:
    item = api.read(film, age_years="61", sex="female", view="PA")
    place = f"/api/v1/readings/{item['id']}"
    assert api.http.patch(f"{place}/edit", json=parts, headers={"If-Match": '"0"'}).status_code == 200
    if signed:
        assert api.http.put(f"{place}/signature", headers={"If-Match": '"1"'}).status_code == 200
    return item


def written(api, out: Path, **options) -> tuple[int, int]:
    built = api.service
    return export(built.readings, built.edits, built.pictures, out, "ann", **options)


def test_what_people_decided_becomes_labels_and_boxes(api, tmp_path) -> None:
    box = {"label": "Pleural Thickening", "box_xyxy_px": [10, 20, 50, 80]}
    item = edited(api, png(1), decisions={"Effusion": "rejected", "Nodule": "accepted"}, boxes=[box])
    assert written(api, tmp_path / "out") == (1, 0)
    (row,) = rows(tmp_path / "out" / "labels.csv")
    assert row["image"] == f"{item['film']}.png"
    assert set(row["finding_labels"].split("|")) == {"Nodule", "Pleural Thickening"}
    assert set(row["known_labels"].split("|")) == {"Nodule", "Pleural Thickening", "Effusion"}
    assert (row["age"], row["sex"], row["view"]) == ("61", "F", "PA")
    assert (row["model_assisted"], row["split"]) == ("1", "train")
    (told,) = rows(tmp_path / "out" / "boxes.csv")
    assert (told["label"], told["x"], told["y"], told["width"], told["height"]) == (
        "Pleural Thickening",
        "10.0",
        "20.0",
        "40.0",
        "60.0",
    )
    assert told["model_assisted"] == "1"
    shown = np.asarray(Image.open(tmp_path / "out" / "images" / row["image"]))
    assert shown.shape == (200, 200)
    assert any(line["action"] == "exported" for line in api.get("/api/v1/audit").json()["lines"])


def test_training_takes_it_in_and_never_tests_on_it(api, tmp_path) -> None:
    edited(api, png(1), decisions={"Effusion": "rejected", "Nodule": "accepted"})
    edited(api, png(2), decisions={"Effusion": "rejected"})
    written(api, tmp_path / "feedback")
    films = _feedback(tmp_path / "feedback")
    assert [film.split for film in films] == ["train", "train"]
    known = [{name for name, told in zip(OUTPUTS, film.known, strict=True) if told} for film in films]
    assert known == [{"Effusion", "Nodule", "Any abnormality"}, {"Effusion"}]
    assert films[0].targets[OUTPUTS.index("Nodule")] == 1
    assert films[0].targets[OUTPUTS.index("Effusion")] == 0
    assert all(film.path.is_file() for film in films)


def test_what_nobody_signed_or_decided_is_left_out(api, tmp_path) -> None:
    edited(api, png(1), signed=False, decisions={"Effusion": "accepted"})
    edited(api, png(2), note="only a note")
    api.read(png(3))
    assert written(api, tmp_path / "signed") == (0, 0)
    assert rows(tmp_path / "signed" / "labels.csv") == []
    assert written(api, tmp_path / "all", signed_only=False) == (1, 0)


def test_a_folder_that_is_there_is_not_touched(api, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="exists"):
        written(api, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_lost_film_is_counted_not_hidden(api, tmp_path) -> None:
    edited(api, png(1), decisions={"Effusion": "accepted"})
    edited(api, png(2), decisions={"Effusion": "accepted"})
    next((tmp_path / "store" / "films").glob("??/*")).unlink()
    assert written(api, tmp_path / "out") == (1, 1)


def test_a_rejected_findings_box_is_no_label() -> None:
    box = EditedBox(id="a", label="Mass", box_xyxy_px=(1, 1, 2, 2), origin="person")
    kept = EditedBox(id="b", label="Nodule", box_xyxy_px=(1, 1, 2, 2), origin="model")
    present, known, boxes = decided(Edit(decisions={"Mass": "rejected"}, boxes=[box, kept]))
    assert (present, known, boxes) == (set(), {"Mass"}, [])
