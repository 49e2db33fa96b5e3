"""The service as a process: killed, doubled, and spoken to by clients that mean harm."""

import contextlib
import json
import socket
import threading
import time
from pathlib import Path

import pytest

httpx = pytest.importorskip("httpx", reason="needs lucidray[server] and httpx")

from server_process import Running, serving
from servers import TestClient, png  # noqa: F401 - skips without the extra

from lucidray.store import audit
from lucidray.store.database import open_database
from lucidray.store.films import Films

pytestmark = pytest.mark.extra


PATIENCE_S = 240


def post(running: Running, film: bytes, **fields: str) -> "httpx.Response":
    return httpx.post(
        f"{running.base}/api/v1/readings",
        files={"film": ("a.png", film)},
        data=fields,
        headers=running.headers,
        timeout=PATIENCE_S,
    )


def send(running: Running, film: bytes, **fields: str) -> str | None:
    """Send a film to a service that may be killed meanwhile, and return its id where it was acknowledged."""
    try:
        answer = post(running, film, **fields)
    except httpx.HTTPError:
        return None
    return answer.json()["readings"][0]["id"] if answer.status_code == 202 else None


def finished(running: Running) -> dict[str, str]:
    items = httpx.get(f"{running.base}/api/v1/readings?limit=500", timeout=PATIENCE_S).json()["items"]
    return {item["id"]: item["status"] for item in items}


def wait_until_read(running: Running, ids: set[str], seconds: float = PATIENCE_S) -> dict[str, str]:
    until = time.monotonic() + seconds
    while True:
        found = finished(running)
        if ids <= found.keys() and all(found[one] == "done" for one in ids):
            return found
        assert time.monotonic() < until, found
        time.sleep(0.2)


def test_killed_under_load_it_has_every_film_that_it_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    acknowledged: set[str] = set()
    enough = threading.Event()

    def load(running: Running, client: int) -> None:
        for number in range(200):
            reading_id = send(running, png(1000 * client + number), reader="pausing")
            if reading_id is None:
                return
            acknowledged.add(reading_id)
            if len(acknowledged) > 8:
                enough.set()

    # Killed twice: the second time while it catches up.
    for first_client in (1, 4):
        enough.clear()
        with serving(folder, pause_s=0.05) as running:
            clients = [threading.Thread(target=load, args=(running, first_client + one)) for one in range(3)]
            for client in clients:
                client.start()
            assert enough.wait(PATIENCE_S)
            running.kill()
            for client in clients:
                client.join(PATIENCE_S)
    assert len(acknowledged) > 8
    with serving(folder) as running:
        found = wait_until_read(running, acknowledged)
        # What was written but not acknowledged is read too; nothing is half there.
        found = wait_until_read(running, set(found))
        assert set(found.values()) == {"done"}
        for reading_id in sorted(acknowledged)[:5]:
            place = f"{running.base}/api/v1/readings/{reading_id}"
            assert httpx.get(place, timeout=PATIENCE_S).json()["reading"]["accepted"] is True
            assert httpx.get(f"{place}/overlay.png", timeout=PATIENCE_S).status_code == 200
        assert list((folder / "temp").iterdir()) == []
    database = open_database(None, folder)
    assert audit.first_broken(database) is None
    read = [line.object for line in audit.lines(database, limit=10_000) if line.action == "read"]
    assert sorted(read) == sorted(found)  # each exactly once
    for sha256 in Films(folder).all():
        Films(folder).read(sha256)
    database.close()


def test_two_processes_share_one_database(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with serving(folder) as one, serving(folder) as two:
        told: list[tuple[int, str]] = []

        def load(running: Running, first: int) -> None:
            for number in range(10):
                try:
                    answer = post(running, png(first + number))
                    told.append((answer.status_code, answer.text))
                except httpx.HTTPError as error:
                    told.append((0, repr(error)))

        clients = [
            threading.Thread(target=load, args=(which, place)) for which, place in ((one, 0), (two, 100), (one, 200))
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        # The queue has room for all of them: none is sent away, whatever the two processes do to each other.
        assert [(status, text) for status, text in told if status != 202] == []
        known = {json.loads(text)["readings"][0]["id"] for _, text in told}
        assert len(known) == 30
        wait_until_read(two, known)
        assert finished(one).keys() == finished(two).keys()
        # What one read, the other shows.
        for running in (one, two):
            for reading_id in sorted(known)[:3]:
                place = f"{running.base}/api/v1/readings/{reading_id}/report.html"
                assert httpx.get(place, timeout=PATIENCE_S).status_code == 200
        version = {**one.headers, "If-Match": '"0"'}
        place = f"/api/v1/readings/{min(known)}/edit"
        assert httpx.patch(one.base + place, json={"note": "x"}, headers=version, timeout=PATIENCE_S).status_code == 200
        late = {**two.headers, "If-Match": '"0"'}
        assert httpx.patch(two.base + place, json={"note": "y"}, headers=late, timeout=PATIENCE_S).status_code == 412
    database = open_database(None, folder)
    assert audit.first_broken(database) is None
    database.close()


def test_what_a_killed_process_left_another_one_takes_over(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with serving(folder, pause_s=600) as stuck, serving(folder) as other:
        reading_id = send(stuck, png(), reader="pausing")
        assert reading_id is not None
        until = time.monotonic() + PATIENCE_S
        while (status := finished(stuck)[reading_id]) != "running":
            assert status == "queued"
            assert time.monotonic() < until
            time.sleep(0.05)
        stuck.kill()
        wait_until_read(other, {reading_id})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("service") / "store", impatient=True) as one:
        yield one


def closed_within(connection: socket.socket, seconds: float) -> bytes:
    """Return what came until the other side hung up."""
    connection.settimeout(seconds)
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(4096):
            said += piece
    return said


def test_headers_that_do_not_end_are_hung_up_on(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        assert closed_within(connection, PATIENCE_S) == b""


def test_a_connection_that_says_nothing_is_hung_up_on(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        assert closed_within(connection, PATIENCE_S) == b""


def test_a_second_request_that_does_not_end_is_hung_up_on(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /health HTTP/1.1\r\nX-Slow: ")
        assert closed_within(connection, PATIENCE_S).count(b"HTTP/1.1 200") == 1


def test_a_body_that_does_not_end_gets_408(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(
            b"POST /api/v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n"
            + f"X-Lucidray-Session: {running.secret}\r\n\r\n".encode()
            + b'--x\r\nContent-Disposition: form-data; name="film"; filename="a.png"\r\n\r\n'
        )
        assert closed_within(connection, PATIENCE_S).startswith(b"HTTP/1.1 408")
    assert httpx.get(f"{running.base}/health", timeout=PATIENCE_S).json()["places_taken"] == 0


def test_a_gigabyte_is_refused_without_being_read(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(
            b"POST /explain HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1073741824\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        assert closed_within(connection, PATIENCE_S).startswith(b"HTTP/1.1 413")


def test_many_slow_clients_do_not_keep_others_out(running: Running) -> None:
    slow = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(b"POST /explain HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert httpx.get(f"{running.base}/health", timeout=PATIENCE_S).status_code == 200
    finally:
        for connection in slow:
            connection.close()
