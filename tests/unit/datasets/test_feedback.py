"""What the workstation exports is what `data prepare folder` takes in."""

from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")

from servers import client, png, service

from lucidray.datasets.check import check
from lucidray.datasets.entry import Inputs
from lucidray.datasets.prepare import prepare
from lucidray.server.feedback import export

pytestmark = pytest.mark.extra


def test_corrections_come_through_and_never_measure(tmp_path: Path) -> None:
    box = {"label": "Nodule", "box_xyxy_px": [10, 20, 50, 80]}
    with client(service(tmp_path / "store")) as api:
        for number in range(6):
            item = api.read(png(number), age_years="61", sex="female", view="PA")
            place = f"/api/v1/readings/{item['id']}"
            edit = {"decisions": {"Effusion": "rejected", "Nodule": "accepted"}, "boxes": [box]}
            assert api.http.patch(f"{place}/edit", json=edit, headers={"If-Match": '"0"'}).status_code == 200
            assert api.http.put(f"{place}/signature", headers={"If-Match": '"1"'}).status_code == 200
        built = api.service
        export(built.readings, built.edits, built.pictures, tmp_path / "feedback", "ann")
    found = prepare("folder", Inputs((tmp_path / "feedback" / "labels.csv",), tmp_path / "feedback" / "images"))
    films = found.manifest.films
    assert len(films) == 6
    assert {film.split for film in films} == {"train"}
    assert all(film.model_assisted for film in films)
    assert films[0].truth == {"Effusion": "negative", "Nodule": "positive", "Any abnormality": "positive"}
    assert films[0].boxes[0].xyxy_px == (10, 20, 50, 80)
    assert films[0].boxes[0].origin == "model_assisted"
    assert "model_assisted_measured" not in {problem.code for problem in check(found.manifest).problems}
