import threading

import pytest
from servers import SlowReader, client, png, service

pytestmark = pytest.mark.extra


@pytest.fixture
def api(tmp_path):
    with client(service(tmp_path)) as one:
        yield one


@pytest.fixture
def place(api) -> str:
    return f"/api/v1/readings/{api.read()['id']}"


def change(api, place: str, version: int | None, **parts):
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return api.http.patch(f"{place}/edit", json=parts, headers=headers)


def test_a_change_names_its_version_and_gets_the_next(api, place) -> None:
    assert api.get(place).headers["etag"] == '"0"'
    answer = change(api, place, 0, decisions={"Effusion": "rejected"})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert answer.json()["edit"]["edit"]["decisions"] == {"Effusion": "rejected"}
    assert api.get(place).headers["etag"] == '"1"'


@pytest.mark.parametrize(("header", "status"), [(None, 428), ('"7"', 412), ('"x"', 400), ("*", 400), ("-1", 400)])
def test_a_change_from_no_or_another_version_is_refused(api, place, header, status) -> None:
    headers = {} if header is None else {"If-Match": header}
    assert api.http.patch(f"{place}/edit", json={"note": "x"}, headers=headers).status_code == status
    assert api.http.put(f"{place}/edit", json={"note": "x"}, headers=headers).status_code == status
    assert api.http.put(f"{place}/signature", headers=headers).status_code == status
    assert api.get(f"{place}/edits").json() == []


def test_what_a_change_does_not_name_stays(api, place) -> None:
    report = {"findings": "All clear.", "locations": "", "impression": "Nothing."}
    change(api, place, 0, report=report, decisions={"Effusion": "accepted", "Nodule": "rejected"}, note="mine")
    change(api, place, 1, decisions={"Nodule": None, "Mass": "rejected"})
    found = change(api, place, 2, note="yours").json()
    assert found["edit"]["edit"]["report"] == report
    assert found["edit"]["edit"]["decisions"] == {"Effusion": "accepted", "Mass": "rejected"}
    assert found["edit"]["edit"]["note"] == "yours"
    assert found["text"] == "FINDINGS\nAll clear.\n\nIMPRESSION\nNothing."
    back = change(api, place, 3, report=None).json()
    assert back["edit"]["edit"]["report"] is None
    assert back["text"].startswith("FINDINGS\n" + back["reading"]["report"]["findings"][0]["text"])


def test_put_replaces_everything(api, place) -> None:
    change(api, place, 0, note="mine", decisions={"Effusion": "accepted"})
    answer = api.http.put(f"{place}/edit", json={"decisions": {"Mass": "rejected"}}, headers={"If-Match": '"1"'})
    assert answer.json()["edit"]["edit"] == {
        "report": None,
        "decisions": {"Mass": "rejected"},
        "boxes": None,
        "note": "",
    }


def test_boxes_are_moved_added_and_deleted_and_the_models_stay(api, place) -> None:
    before = api.get(place).json()["reading"]
    regions = [region for finding in before["findings"] for region in finding["regions"]]
    moved = {"id": regions[0]["id"], "label": "Effusion", "box_xyxy_px": [1, 2, 30, 40]}
    added = {"label": "Mass", "box_xyxy_px": [50, 50, 80, 90]}
    after = change(api, place, 0, boxes=[moved, added]).json()
    assert [box["origin"] for box in after["edit"]["edit"]["boxes"]] == ["moved", "person"]
    assert after["reading"] == before
    assert len(regions) > 1  # one was deleted


@pytest.mark.parametrize(
    ("boxes", "status"),
    [
        ([{"label": "Mass", "box_xyxy_px": [0, 0, 5000, 5]}], 400),
        ([{"label": "Mass", "box_xyxy_px": [9, 9, 3, 3]}], 422),
        ([{"label": "Cough", "box_xyxy_px": [1, 1, 3, 3]}], 422),
        ([{"label": "Mass", "box_xyxy_px": [1, 1, 3]}], 422),
        ([{"label": "Mass", "box_xyxy_px": [1, 1, 3, 3], "id": "../x"}], 422),
        ([{"label": "Mass", "box_xyxy_px": [1, 1, 3, 3]}] * 201, 422),
    ],
)
def test_boxes_that_cannot_be_are_refused(api, place, boxes, status) -> None:
    assert change(api, place, 0, boxes=boxes).status_code == status
    assert api.get(f"{place}/edits").json() == []


def test_signing_closes_and_taking_back_opens(api, place) -> None:
    change(api, place, 0, note="x")
    signed = api.http.put(f"{place}/signature", headers={"If-Match": '"1"'})
    assert (signed.status_code, signed.json()["signed_by"]) == (200, "local")
    assert change(api, place, 1, note="y").status_code == 409
    assert api.get("/api/v1/readings?signed=true").json()["total"] == 1
    assert api.http.delete(f"{place}/signature").json()["signed_by"] is None
    assert change(api, place, 1, note="y").status_code == 200
    assert api.http.delete(f"{place}/signature").status_code == 404
    history = api.get(f"{place}/edits").json()
    assert [(one["number"], one["edit"]["note"]) for one in history] == [(1, "x"), (2, "y")]


def test_a_film_that_was_not_read_is_neither_edited_nor_signed(tmp_path) -> None:
    go = threading.Event()
    with client(service(tmp_path, readers={"slow": SlowReader(go.is_set)})) as api:
        place = f"/api/v1/readings/{api.send(png(), wait=0, reader='slow').json()['readings'][0]['id']}"
        assert change(api, place, 0, note="x").status_code == 409
        assert api.http.put(f"{place}/signature", headers={"If-Match": '"0"'}).status_code == 409
        go.set()
