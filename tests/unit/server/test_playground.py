import json
import threading
import time

import pytest
from servers import SlowReader, client, png, service

from lucidray.readers.prompt import available_strategies
from lucidray.server.problems import StoppedError
from lucidray.store.order import Order

pytestmark = pytest.mark.extra


def events(text: str) -> list[tuple[str, dict]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n", 1)
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_stored_film_is_read_with_other_settings_and_nothing_is_kept(tmp_path) -> None:
    slow = SlowReader()
    with client(service(tmp_path, readers={"slow": slow})) as api:
        item = api.read()
        writing = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 99}
        order = {"reader": "slow", "strategy": "role", "writing": writing}
        answer = api.http.post("/api/v1/playground", json={"reading": item["id"], "order": order})
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer.text)
        assert "".join(data["text"] for name, data in told if name == "text") == "One two three"
        assert told[-1][0] == "reading"
        assert told[-1][1]["provenance"]["models"][-1]["name"] == "slow"
        (asked,) = slow.asked
        assert (asked.strategy, asked.generation.temperature, asked.generation.top_p) == ("role", 0.5, 0.9)
        assert asked.generation.max_tokens == 99
        assert api.get("/api/v1/readings").json()["total"] == 1
        log = api.get(f"/api/v1/audit?thing={item['id']}").json()["lines"]
        assert log[-1]["detail"] == "playground"


def test_a_reader_that_cannot_be_watched_tells_its_text_at_once(tmp_path) -> None:
    with client(service(tmp_path)) as api:
        item = api.read()
        told = events(api.http.post("/api/v1/playground", json={"reading": item["id"]}).text)
        texts = [data["text"] for name, data in told if name == "text"]
        assert len(texts) == 1
        assert texts[0] == api.get(f"/api/v1/readings/{item['id']}").json()["text"]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, 400),
        ({"reading": "0" * 32, "file": "0" * 32}, 400),
        ({"reading": "0" * 32}, 404),
        ({"file": "0" * 32}, 404),
        ({"file": "../../etc/passwd"}, 422),
        ({"reading": "0" * 32, "order": {"reader": "nobody"}}, 400),
        ({"reading": "0" * 32, "order": {"writing": {"temperature": 9}}}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, wanted, status) -> None:
    with client(service(tmp_path)) as api:
        assert api.http.post("/api/v1/playground", json=wanted).status_code == status
        assert api.service.pool.taken == 0


def test_the_folders_films_are_named_by_ids_and_links_lead_nowhere(tmp_path) -> None:
    folder, outside = tmp_path / "films", tmp_path / "outside.png"
    (folder / "deep").mkdir(parents=True)
    outside.write_bytes(png(7))
    (folder / "a.png").write_bytes(png(1))
    (folder / "deep" / "b.png").write_bytes(png(2))
    (folder / ".hidden").write_bytes(png(3))
    (folder / "link.png").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "notes.txt").write_text("no film")
    with client(service(tmp_path / "store", playground=folder)) as api:
        listed = {one["name"]: one["id"] for one in api.get("/api/v1/folder").json()}
        assert set(listed) == {"a.png", "deep/b.png", "notes.txt"}
        assert api.get(f"/api/v1/folder/{listed['a.png']}.png").headers["content-type"] == "image/png"
        assert api.get(f"/api/v1/folder/{listed['notes.txt']}.png").status_code == 415
        told = events(api.http.post("/api/v1/playground", json={"file": listed["deep/b.png"]}).text)
        assert told[-1][1]["image"]["name"] == "deep/b.png"
        failed = events(api.http.post("/api/v1/playground", json={"file": listed["notes.txt"]}).text)
        assert (failed[-1][0], failed[-1][1]["status"]) == ("problem", 415)


def test_without_a_folder_there_is_none(tmp_path) -> None:
    with client(service(tmp_path)) as api:
        assert api.get("/api/v1/folder").status_code == 404


def test_who_goes_away_stops_the_reading(tmp_path) -> None:
    never = threading.Event()
    built = service(tmp_path, workers=1, readers={"slow": SlowReader(never.is_set)})
    with client(built):
        built.pool.reserve(1)
        job, outcome = built.desk.read_now(png(), "x", Order(reader="slow"), told=lambda _: None)
        while job.step != "report" and not outcome.done():
            time.sleep(0.01)
        job.stop.set()
        assert isinstance(outcome.exception(timeout=120), StoppedError)


def test_a_prompt_of_ones_own_reaches_the_reader(tmp_path) -> None:
    slow = SlowReader()
    with client(service(tmp_path, readers={"slow": slow})) as api:
        item = api.read()
        order = {"reader": "slow", "prompt": "Only the heart, in {language}."}
        api.http.post("/api/v1/playground", json={"reading": item["id"], "order": order})
        (asked,) = slow.asked
        assert asked.prompt == "Only the heart, in {language}."


def test_the_service_tells_which_prompts_there_are(tmp_path) -> None:
    with client(service(tmp_path, readers={"slow": SlowReader()})) as api:
        about = api.get("/api/v1/about").json()
    assert about["strategies"] == list(available_strategies())
    assert {one["name"]: one["strategies"] for one in about["readers"]} == {
        "composer": [],
        "slow": about["strategies"],
    }


@pytest.mark.parametrize("wrong", [{"prompt": "say {something}"}, {"strategy": "magic"}, {"prompt": "<>" * 4001}])
def test_what_cannot_be_asked_is_refused_before_anything_is_read(tmp_path, wrong) -> None:
    slow = SlowReader()
    with client(service(tmp_path, readers={"slow": slow})) as api:
        item = api.read()
        wanted = {"reading": item["id"], "order": {"reader": "slow", **wrong}}
        assert api.http.post("/api/v1/playground", json=wanted).status_code in (400, 422)
    assert slow.asked == []
