import threading
import time

import numpy as np
import pytest
from dicom_fixtures import film_dicom
from readings import synthetic_film
from servers import SlowReader, StuckReader, client, png, service

from lucidray.store import audit

pytestmark = pytest.mark.extra


@pytest.fixture
def api(tmp_path):
    with client(service(tmp_path)) as one:
        yield one


def until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_film_is_taken_at_once_and_read_later(api) -> None:
    answer = api.send(png(), wait=0)
    assert answer.status_code == 202
    (item,) = answer.json()["readings"]
    assert answer.headers["location"] == f"/api/v1/readings/{item['id']}"
    until(lambda: api.get(answer.headers["location"]).json()["status"] == "done")
    found = api.get(answer.headers["location"]).json()
    assert found["reading"]["accepted"] is True
    assert found["text"].startswith("FINDINGS")
    assert found["reading"]["notice"].startswith("For research")


def test_who_waits_gets_the_finished_reading(api) -> None:
    answer = api.send(png(), symptoms="cough")
    assert answer.status_code == 201
    item = answer.json()["readings"][0]
    assert (item["status"], item["accepted"], item["step"]) == ("done", True, None)
    assert api.get(f"/api/v1/readings/{item['id']}").json()["reading"]["symptoms"] == "cough"


def test_a_refused_film_is_kept_with_its_reason_and_422(api) -> None:
    answer = api.send(png(size=64))
    assert answer.status_code == 422
    item = answer.json()["readings"][0]
    reading = api.get(f"/api/v1/readings/{item['id']}").json()["reading"]
    assert reading["accepted"] is False
    assert reading["refusal"][0]["code"] == "too_small"
    assert reading["findings"] == []


def test_several_films_and_one_that_is_none(api) -> None:
    answer = api.send(png(1), b"PK\3\4 a zip", png(2))
    assert answer.status_code == 201
    body = answer.json()
    assert len(body["readings"]) == 2
    assert [(one["number"], one["problem"]["status"]) for one in body["problems"]] == [(1, 415)]
    assert api.get("/api/v1/readings").json()["total"] == 2
    assert api.service.pool.taken == 0


def test_a_film_that_cannot_be_decoded_is_not_kept(api, tmp_path) -> None:
    answer = api.send(png()[:1000])
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    assert api.get("/api/v1/readings").json()["total"] == 0
    assert api.service.readings.films.all() == []
    assert api.service.pool.taken == 0


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"language": "xx"}, 400),
        ({"language": "english"}, 422),
        ({"reader": "nobody"}, 400),
        ({"age_years": "200"}, 422),
        ({"age_years": "nan"}, 422),
        ({"view": "sideways"}, 422),
        ({"temperature": "-1"}, 422),
        ({"symptoms": "x" * 2001}, 422),
        ({"prompt": "say something"}, 400),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_before_anything_is_stored(api, fields, status) -> None:
    answer = api.send(png(), **fields)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert api.service.readings.films.all() == []


def test_what_is_given_replaces_what_the_file_says(api) -> None:
    item = api.read(age_years="71", sex="female", view="PA")
    image = api.get(f"/api/v1/readings/{item['id']}").json()["reading"]["image"]
    assert (image["age"], image["sex"], image["view"]) == (71.0, "female", "PA")


def test_lists_tell_no_name_unless_asked_to(tmp_path) -> None:
    film = film_dicom((synthetic_film(200, 200) * 4095).astype(np.uint16), PatientName="Doe^Jane", PatientID="4711")
    with client(service(tmp_path)) as api:
        item = api.read(film, symptoms="cough")
        text = api.get("/api/v1/readings").text
        for secret in ("Doe", "4711", "chest.png", "1.2.3", "cough"):
            assert secret not in text
        assert item["title"].startswith("Film ")
        assert "Doe" not in api.get(f"/api/v1/readings/{item['id']}").text
    with client(service(tmp_path, show_identity=True)) as api:
        identity = api.get("/api/v1/readings").json()["items"][0]["identity"]
        assert identity == {
            "name": "chest.png",
            "patient_name": "Doe^Jane",
            "patient_id": "4711",
            "study_instance_uid": "1.2.3",
            "symptoms": "cough",
        }


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\a.dcm", "a.dcm"),
        ("a\x00\u202eb.png", "a b.png"),
        ("<script>alert(1)<\\script>.png", "script>.png"),
        ("/", "film"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_a_name_is_no_path(api, sent: str, kept: str) -> None:
    from lucidray.server.uploads import film_name

    assert film_name(sent) == kept


def test_a_path_in_the_name_of_a_file_reaches_no_disk(api, tmp_path) -> None:
    item = api.read(name="../../../escaped.png")
    assert item["status"] == "done"
    assert not list(tmp_path.parent.glob("escaped*"))
    assert api.get(f"/api/v1/readings/{item['id']}").json()["identity"]["name"] == "escaped.png"


def test_filters_paging_and_sorting(api) -> None:
    ids = [api.send(png(seed)).json()["readings"][0]["id"] for seed in range(3)]
    refused = api.send(png(size=64)).json()["readings"][0]["id"]

    def listed(query: str) -> list[str]:
        answer = api.get(f"/api/v1/readings?{query}")
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert listed("sort=oldest") == [*ids, refused]
    assert listed("sort=newest&limit=2&offset=1") == [ids[2], ids[1]]
    assert listed("accepted=false") == [refused]
    assert listed("finding=Effusion&sort=oldest") == ids
    assert listed("finding=Hernia") == []
    assert listed("status=queued&status=running") == []
    assert listed("signed=true") == []
    assert api.get("/api/v1/readings?risk=Extreme").status_code == 400
    assert api.get("/api/v1/readings?limit=0").status_code == 422
    assert api.get("/api/v1/readings?finding=Cough").status_code == 422


def test_delete_takes_the_reading_and_its_film(api) -> None:
    item = api.read()
    place = f"/api/v1/readings/{item['id']}"
    api.get(f"{place}/overlay.png")
    assert api.http.delete(place).status_code == 204
    for path in ("", "/overlay.png", "/film.png", "/film.u16", "/report.html", "/events", "/edits"):
        assert api.get(place + path).status_code == 404
    assert api.http.delete(place).status_code == 404
    assert api.service.readings.films.all() == []


def test_a_full_queue_sends_away_with_a_time_to_come_again(tmp_path) -> None:
    go = threading.Event()
    built = service(tmp_path, workers=1, queue=1, readers={"slow": SlowReader(go.is_set)})
    with client(built) as api:
        for seed in range(2):
            assert api.send(png(seed), wait=0, reader="slow").status_code == 202
        answer = api.send(png(9), wait=0)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["type"] == "urn:lucidray:problem:busy"
        go.set()
        until(lambda: api.get("/api/v1/readings?status=done").json()["total"] == 2)
        assert api.send(png(9)).status_code == 201


def test_a_reading_is_cancelled_while_it_waits_and_while_it_runs(tmp_path) -> None:
    go = threading.Event()
    built = service(tmp_path, workers=1, queue=4, readers={"slow": SlowReader(go.is_set)})
    with client(built) as api:
        running, waiting = (api.send(png(seed), wait=0, reader="slow").json()["readings"][0]["id"] for seed in range(2))
        until(lambda: api.get(f"/api/v1/readings/{running}").json()["step"] == "report")
        assert api.http.post(f"/api/v1/readings/{waiting}/cancel").json()["status"] == "cancelled"
        assert api.http.post(f"/api/v1/readings/{running}/cancel").json()["cancel_asked"] is True
        until(lambda: api.get(f"/api/v1/readings/{running}").json()["status"] == "cancelled")
        again = api.http.post(f"/api/v1/readings/{running}/cancel")
        assert (again.status_code, again.json()["status"]) == (409, 409)
        until(lambda: api.service.pool.taken == 0)
        assert api.get(f"/api/v1/readings/{running}/overlay.png").status_code == 409


def test_a_reading_that_takes_too_long_fails_and_the_next_one_is_read(tmp_path) -> None:
    go = threading.Event()
    built = service(tmp_path, workers=1, queue=4, time_limit_s=0.5, readers={"stuck": StuckReader(go.is_set)})
    with client(built) as api:
        item = api.send(png(), reader="stuck").json()["readings"][0]
        assert item["status"] == "failed"
        assert item["problem"]["status"] == 504
        # The next one gets the time that it needs: how long that is, is the machine's matter.
        api.service.pool._limit_s = 240.0
        assert api.send(png(1)).status_code == 201
        go.set()
        until(lambda: api.service.pool.left_behind == 0)
        # What it brought in the end is thrown away.
        assert api.get(f"/api/v1/readings/{item['id']}").json()["reading"] is None


def test_events_tell_the_steps_and_the_end(tmp_path) -> None:
    go = threading.Event()
    with client(service(tmp_path, readers={"slow": SlowReader(go.is_set)})) as api:
        reading_id = api.send(png(), wait=0, reader="slow").json()["readings"][0]["id"]
        until(lambda: api.get(f"/api/v1/readings/{reading_id}").json()["step"] == "report")
        step = api.service.desk.step

        looks: list[str] = []

        def seen(asked: str) -> str | None:
            """Let the reader go when the events look again: they have told of the report by then."""
            looks.append(asked)
            if len(looks) > 1:
                go.set()
            return step(asked)

        api.service.desk.step = seen
        text = api.get(f"/api/v1/readings/{reading_id}/events").text
    assert 'event: status\ndata: {"status": "running", "step": "report"}' in text
    assert text.rstrip().endswith('event: end\ndata: {"status": "done", "accepted": true, "risk_level": "High"}')


def test_the_same_film_is_read_again_by_another_reader(tmp_path) -> None:
    slow = SlowReader()
    with client(service(tmp_path, readers={"slow": slow})) as api:
        item = api.read()
        order = {"reader": "slow", "strategy": "structured", "writing": {"temperature": 0.7, "seed": 3}}
        again = api.http.post(f"/api/v1/readings/{item['id']}/again", json=order)
        assert again.status_code == 202
        until(lambda: api.get(f"/api/v1/readings?film={item['film']}&status=done").json()["total"] == 2)
        assert again.json()["film"] == item["film"]
        assert len(api.service.readings.films.all()) == 1
        (asked,) = slow.asked
        assert (asked.strategy, asked.generation.temperature, asked.generation.seed) == ("structured", 0.7, 3)


def test_a_prior_is_linked_and_given_to_the_reader(tmp_path) -> None:
    with client(service(tmp_path)) as api:
        first, second = api.read(png(1)), api.read(png(2))
        place = f"/api/v1/readings/{second['id']}/prior"
        assert api.http.put(place, json={"prior": first["id"]}).json()["prior"] == first["id"]
        assert api.http.put(place, json={"prior": "0" * 32}).status_code == 404
        assert api.http.put(place, json={"prior": second["id"]}).status_code == 409
        assert api.http.put(place, json={"prior": None}).json()["prior"] is None


def test_who_did_what_is_logged(api) -> None:
    item = api.read()
    place = f"/api/v1/readings/{item['id']}"
    api.get(place)
    api.get(f"{place}/report.html")
    api.get(f"{place}/film.png")
    api.http.delete(place)
    log = api.get("/api/v1/audit").json()
    told = [(line["action"], line["actor"], line["detail"]) for line in log["lines"] if line["object"] == item["id"]]
    assert [action for action, _, _ in told] == ["uploaded", "read", "saw", "saw", "saw", "deleted"]
    assert told[1][1:] == ("service", "accepted; reader composer")
    assert [detail for _, _, detail in told[2:5]] == ["reading", "report", "film"]
    assert log["intact"] is True
    assert audit.first_broken(api.service.database) is None


def test_films_left_by_a_service_that_ended_are_read_by_the_next(tmp_path) -> None:
    go = threading.Event()
    built = service(tmp_path, workers=1, readers={"slow": SlowReader(go.is_set)})
    with client(built) as api:
        ids = [api.send(png(seed), wait=0, reader="slow").json()["readings"][0]["id"] for seed in range(3)]
    go.set()
    with client(service(tmp_path, workers=1, readers={"slow": SlowReader()})) as api:
        until(lambda: api.get("/api/v1/readings?status=done").json()["total"] == 3)
        assert {item["id"] for item in api.get("/api/v1/readings").json()["items"]} == set(ids)
