"""Small films sent to the service: refused, or upscaled where that is asked for, with pictures of what was done."""

import hashlib
import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from servers import client, png, service

pytestmark = pytest.mark.extra


def shape(answer) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    return Image.open(BytesIO(answer.content)).size


def test_without_the_parameter_a_small_film_is_refused(tmp_path) -> None:
    with client(service(tmp_path)) as api:
        item = api.read(png(size=56))
        assert not item["accepted"]
        reading = api.get(f"/api/v1/readings/{item['id']}").json()["reading"]
        assert reading["refusal"][0]["code"] == "too_small"
        assert reading["upscaling"] is None
        assert api.get(f"/api/v1/readings/{item['id']}/upscaled/after.png").status_code == 404


def test_with_it_the_film_is_read_and_shown_before_and_after(tmp_path) -> None:
    film = png(size=56)
    with client(service(tmp_path)) as api:
        item = api.read(film, upscale="lanczos")
        detail = api.get(f"/api/v1/readings/{item['id']}").json()
        assert detail["reading"]["degraded"]
        assert detail["reading"]["upscaling"]["sizes_px"] == [[56, 56], [224, 224]]
        assert detail["order"]["upscale"] == "lanczos"
        # The film that was sent is the film that is kept.
        assert detail["film"] == hashlib.sha256(film).hexdigest()
        place = f"/api/v1/readings/{item['id']}"
        assert {shape(api.get(f"{place}/upscaled/{which}.png")) for which in ("before", "after", "added")} == {
            (224, 224)
        }
        assert api.get(f"{place}/upscaled/other.png").status_code == 422
        assert api.get(f"{place}/film").json()["width_px"] == 56
        assert shape(api.get(f"{place}/film.png")) == (56, 56)
        page = api.get(f"{place}/report.html").text
        assert page.count("data:image/png;base64") >= 3
        assert "texture was invented" in page
        for x, y in (
            point for rings in api.get(f"{place}/layers").json()["organs"].values() for ring in rings for point in ring
        ):
            assert 0 <= x <= 56
            assert 0 <= y <= 56


def test_a_stored_one_shows_the_pixels_that_were_read(tmp_path) -> None:
    with client(service(tmp_path)) as api:
        item = api.read(png(size=56), upscale="lanczos")
        place = f"/api/v1/readings/{item['id']}/upscaled"
        small, read = (
            np.asarray(Image.open(BytesIO(api.get(f"{place}/{which}.png").content))) for which in ("before", "after")
        )
        exact = Image.fromarray(small[::4, ::4].astype(np.float32)).resize((224, 224), Image.Resampling.LANCZOS)
        assert np.abs(np.clip(np.asarray(exact), 0, 255) - read).max() <= 1


def test_only_what_the_service_offers_can_be_asked_for(tmp_path) -> None:
    with client(service(tmp_path)) as api:
        assert api.get("/api/v1/about").json()["upscalers"] == ["lanczos"]
        sent = api.http.post(
            "/api/v1/readings", files={"film": ("film.png", png(size=56))}, data={"upscale": "onnx:/etc/passwd"}
        )
        assert sent.status_code == 400
        assert "there is no upscaler" in sent.json()["detail"]


def test_a_service_may_upscale_by_default_and_be_told_not_to(tmp_path) -> None:
    with client(service(tmp_path, upscale="lanczos")) as api:
        assert api.read(png(size=56))["accepted"]
        assert not api.read(png(1, size=56), upscale="none")["accepted"]


def test_the_playground_sends_the_pictures_with_the_reading(tmp_path) -> None:
    with client(service(tmp_path)) as api:
        item = api.read(png(size=56))
        order = {"upscale": "lanczos"}
        text = api.http.post("/api/v1/playground", json={"reading": item["id"], "order": order}).text
        told = dict(block.split("\n", 1) for block in text.strip().split("\n\n"))
        pictures = json.loads(told["event: upscaled"].removeprefix("data: "))
        assert set(pictures) == {"before", "after", "added"}
        assert all(address.startswith("data:image/png;base64,") for address in pictures.values())
        assert json.loads(told["event: reading"].removeprefix("data: "))["degraded"]
