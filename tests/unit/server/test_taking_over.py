"""Films that another process left, beside films that come in meanwhile."""

import threading

import pytest
from servers import client, png, service

from lucidray.server.pool import Pool

pytestmark = pytest.mark.extra


def test_an_upload_finds_its_place_while_abandoned_films_are_looked_for(tmp_path, monkeypatch) -> None:
    built = service(tmp_path, workers=1, queue=0, lease_s=0.2)
    looks, done = threading.Event(), threading.Event()
    whole = built.readings.abandoned

    def slow(at: float) -> int:
        if threading.current_thread().name == "lucidray-leases":
            looks.set()
            done.wait(240)
        return whole(at)

    monkeypatch.setattr(built.readings, "abandoned", slow)
    with client(built) as api:
        assert looks.wait(240)
        answer = api.send(png(), wait=0)
        done.set()
        assert answer.status_code == 202, answer.text


def test_no_more_places_are_taken_than_there_are_films_to_take_over(tmp_path, monkeypatch) -> None:
    built = service(tmp_path, workers=1, queue=5)
    taken: list[int] = []
    whole = built.readings.adopt
    monkeypatch.setattr(built.readings, "abandoned", lambda at: 2)
    monkeypatch.setattr(built.readings, "adopt", lambda *told: (taken.append(built.pool.taken), whole(*told))[1])
    with client(built):
        pass
    assert taken[0] == 2


def test_places_are_taken_as_far_as_there_are_any() -> None:
    pool = Pool(workers=1, queue=2, time_limit_s=60)
    assert pool.reserve_up_to(2) == 2
    assert pool.reserve_up_to(5) == 1
    assert pool.reserve_up_to(5) == 0
    pool.give_back(3)
    assert pool.room == 3
