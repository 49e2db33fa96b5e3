"""What arrives damaged, too large or hostile gets one clear problem, and leaves nothing behind."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from dicom_fixtures import film_dicom, png_chunk
from PIL import Image
from servers import client, png, service

from lucidray.imaging.limits import Limits

pytestmark = pytest.mark.extra
SCRIPT = "<script>alert('x')</script>"


@pytest.fixture
def api(tmp_path):
    with client(service(tmp_path, limits=Limits(max_bytes=2**20, max_pixels=1_000_000))) as one:
        yield one
        assert one.service.pool.taken == 0
        assert list((tmp_path / "temp").iterdir()) == []


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in half a megabyte."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 20_001 * 200, 9) * 100
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


def film(**attributes) -> bytes:
    return film_dicom(np.full((200, 200), 7, np.uint16), **attributes)


BAD = {
    "zero bytes": b"",
    "a text called dcm": b"Dear radiologist, " * 50,
    "cut off PNG": png()[:2000],
    "cut off DICOM": film()[:900],
    "no pixel data": film(PixelData=None),
    "two frames": film(NumberOfFrames=2),
    "a CT slice": film(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT"),
    "a ZIP": b"PK\3\4" + b"\0" * 100,
    "a gzip bomb": zlib.compress(b"\0" * 10**7, wbits=31),
    "a PNG bomb": bomb(),
    "a web page": b"<!DOCTYPE html><script>alert(1)</script>",
    "a drawing": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "too many bytes": png() + b"\0" * 2**20,
    "random bytes": np.random.default_rng(0).bytes(5000),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_bad_films_are_415_and_not_kept(api, content: bytes) -> None:
    for answer in (
        api.send(content, name="chest.dcm"),
        api.http.post("/explain", files={"file": ("chest.dcm", content, "application/dicom")}),
    ):
        assert answer.status_code == 415, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "\n" not in answer.json()["detail"]
        assert "Traceback" not in answer.text
    assert api.get("/api/v1/readings").json()["total"] == 0
    assert api.service.readings.films.all() == []


def test_content_decides_not_the_name_or_the_type(api) -> None:
    files = {"film": ("evil.exe", png(), "text/html")}
    assert api.http.post("/api/v1/readings?wait=240", files=files).status_code == 201


def test_nan_spacing_is_no_size(api) -> None:
    content = film_dicom((np.indices((200, 200)).sum(0) * 10).astype(np.uint16), ImagerPixelSpacing="nan\\nan")
    answer = api.send(content)
    assert answer.status_code in (201, 422)
    reading = api.get(answer.headers["location"]).json()["reading"]
    assert reading["image"]["pixel_spacing_mm"] is None


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({"Content-Type": "text/plain"}, b"film", 415),
        ({}, b"film", 415),
        ({"Content-Type": "multipart/form-data"}, b"film", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"no boundary here", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nContent-Disposition: form-data\r\n\r\nx", 400),
        ({"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}, b"x", 415),
        ({"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "99999999999"}, b"x", 413),
    ],
)
def test_bodies_that_are_no_form(api, headers, body, status) -> None:
    for path in ("/api/v1/readings", "/explain"):
        answer = api.http.post(path, content=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_without_an_announced_length_is_counted(api) -> None:
    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="film"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield b"\0" * 2**16

    answer = api.http.post(
        "/api/v1/readings", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 413
    small = api.http.post(
        "/api/v1/playground", content=b" " * (3 * 2**20), headers={"Content-Type": "application/json"}
    )
    assert small.status_code == 413


def test_too_many_films_and_too_many_fields(tmp_path) -> None:
    with client(service(tmp_path, max_files=3)) as api:
        assert api.send(*[png(seed) for seed in range(4)]).status_code == 400
        assert api.send(png(), **{f"field{number}": "x" for number in range(40)}).status_code == 400
        assert api.send(png(), symptoms="x" * 100_000).status_code == 400
        assert api.service.pool.taken == 0


def test_scripts_in_symptoms_names_and_dicom_text_stay_text(api) -> None:
    content = film_dicom(
        (np.indices((200, 200)).sum(0) * 10).astype(np.uint16),
        PatientName=SCRIPT,
        StudyDescription=SCRIPT,
        ViewPosition=SCRIPT[:16],
        BodyPartExamined=SCRIPT[:16],
    )
    item = api.read(content, symptoms=SCRIPT, name=f"{SCRIPT}.dcm")
    place = f"/api/v1/readings/{item['id']}"
    for path in (place, "/api/v1/readings", f"{place}/layers"):
        answer = api.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert SCRIPT not in api.get(f"{place}/report.html").text


def test_deep_and_odd_json_is_refused(api) -> None:
    place = f"/api/v1/readings/{api.read()['id']}"
    headers = {"If-Match": '"0"', "Content-Type": "application/json"}
    for body in (b"[" * 100_000, b"{", b"\xff\xfe", b'{"note": NaN}', b'{"boxes": [{"box_xyxy_px": [1e999,0,0,0]}]}'):
        assert api.http.patch(f"{place}/edit", content=body, headers=headers).status_code in (400, 422)


def test_a_film_of_one_pixel_is_refused_or_no_film(api) -> None:
    file = BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    assert api.send(file.getvalue()).status_code == 422
