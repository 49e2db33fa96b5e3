import re
from io import BytesIO

import numpy as np
import pytest
from dicom_fixtures import film_dicom
from PIL import Image
from readings import synthetic_film
from servers import PROBABILITIES, client, engine, png, service

from lucidray.domain.vocabulary import LABELS, finding_id
from lucidray.models.fake import UPRIGHT, FakeSegmenter
from lucidray.reporting.overlay import draw

pytestmark = pytest.mark.extra
VALUES = (synthetic_film(240, 200) * 4000).astype(np.uint16)


@pytest.fixture
def api(tmp_path):
    with client(service(tmp_path)) as one:
        yield one


def picture(answer) -> Image.Image:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return Image.open(BytesIO(answer.content))


def test_the_films_values_are_those_of_the_detector(api) -> None:
    item = api.read(film_dicom(VALUES, RescaleSlope=2, RescaleIntercept=-10))
    place = f"/api/v1/readings/{item['id']}"
    answer = api.get(f"{place}/film.u16")
    shape = int(answer.headers["x-film-height"]), int(answer.headers["x-film-width"])
    assert shape == VALUES.shape
    sent = np.frombuffer(answer.content, "<u2").reshape(shape)
    slope, intercept = float(answer.headers["x-film-slope"]), float(answer.headers["x-film-intercept"])
    np.testing.assert_allclose(sent * slope + intercept, VALUES * 2.0 - 10)
    facts = api.get(f"{place}/film").json()
    assert (facts["width_px"], facts["height_px"]) == (200, 240)
    assert (facts["slope"], facts["intercept"]) == (slope, intercept)
    assert (facts["quarter_turns"], facts["read_inverted"]) == (0, False)


def test_the_film_is_shown_as_it_is_read_or_with_a_window(api) -> None:
    film = film_dicom(VALUES, PhotometricInterpretation="MONOCHROME1", WindowCenter=2000, WindowWidth=4000)
    place = f"/api/v1/readings/{api.read(film)['id']}/film.png"
    shown = np.asarray(picture(api.get(place)), float)
    expected = 255 * (1 - np.clip((VALUES.astype(float) - 2000 + 0.5) / 3999 + 0.5, 0, 1))
    np.testing.assert_allclose(shown, expected, atol=1.5)
    narrow = np.asarray(picture(api.get(f"{place}?center=2000&width=10")))
    assert set(np.unique(narrow[VALUES > 2010])) == {0}
    assert set(np.unique(narrow[VALUES < 1990])) == {255}
    assert max(picture(api.get(f"{place}?longest_px=100")).size) == 100
    assert api.get(f"{place}?center=3").status_code == 400
    assert api.get(f"{place}?center=nan&width=5").status_code in (400, 422)
    assert api.get(f"{place}?center=1&width=0").status_code == 422


def test_pictures_drawn_again_are_those_of_the_reading(api) -> None:
    content = png()
    item = api.read(content)
    reading = engine().read(content, "chest.png", item_order())
    shown = picture(api.get(f"/api/v1/readings/{item['id']}/overlay.png"))
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(draw(reading)))


def item_order():
    from lucidray.store.order import Order

    return Order()


def test_every_supported_finding_has_a_heatmap_and_the_others_have_none(api) -> None:
    place = f"/api/v1/readings/{api.read()['id']}"
    listed = api.get(f"{place}/layers").json()["heatmaps"]
    assert set(listed) == {finding_id(label).removeprefix("finding-") for label in PROBABILITIES}
    for label in LABELS:
        answer = api.get(f"{place}/heatmaps/{finding_id(label).removeprefix('finding-')}.png")
        assert answer.status_code == (200 if label in PROBABILITIES else 404)
    layer = picture(api.get(f"{place}/heatmaps/effusion.png?layer=true"))
    assert layer.mode == "RGBA"
    alpha = np.asarray(layer)[..., 3]
    row, column = np.unravel_index(alpha.argmax(), alpha.shape)
    assert (column / layer.width, row / layer.height) == pytest.approx((0.3, 0.65), abs=0.05)
    for name in ("cough", "..%2f..%2fetc%2fpasswd", "Effusion"):
        assert api.get(f"{place}/heatmaps/{name}.png").status_code == 404


def test_layers_of_a_turned_film_lie_on_the_stored_image(tmp_path) -> None:
    built = service(tmp_path)
    turned = UPRIGHT.__class__(**{**vars(UPRIGHT), "turn": (0.0, 0.0, 1.0, 0.0)})

    class Turning(FakeSegmenter):
        def segment(self, pixels):
            # Upside down at first, upright once it was turned.
            upright = pixels[0, 0] != 0
            return self.anatomy, UPRIGHT if upright else turned

    built.engine._segmenter = Turning()
    film = np.rint(255 * synthetic_film(200, 200)).astype(np.uint8)
    film[-1, -1], film[0, 0] = 255, 0
    file = BytesIO()
    Image.fromarray(film).save(file, "PNG")
    with client(built) as api:
        item = api.read(file.getvalue(), fix_orientation="true")
        assert item["accepted"], api.get(f"/api/v1/readings/{item['id']}").text
        place = f"/api/v1/readings/{item['id']}"
        assert api.get(f"{place}/film").json()["quarter_turns"] == 2
        stored = np.asarray(picture(api.get(f"{place}/film.png")))
        assert stored[0, 0] < stored[-1, -1]
        alpha = np.asarray(picture(api.get(f"{place}/heatmaps/effusion.png?layer=true")))[..., 3]
        row, column = np.unravel_index(alpha.argmax(), alpha.shape)
        assert (column / alpha.shape[1], row / alpha.shape[0]) == pytest.approx((0.7, 0.35), abs=0.05)
        lung = np.concatenate(api.get(f"{place}/layers").json()["organs"]["right_lung"])
        assert lung[:, 0].mean() / 200 == pytest.approx(0.70, abs=0.02)
        (box, *_) = api.get(place).json()["reading"]["findings"][2]["regions"]
        x0, _, x1, _ = box["box_xyxy_px"]
        assert (x0 + x1) / 2 / 200 == pytest.approx(0.7, abs=0.1)


def test_a_refused_film_has_its_film_and_report_but_no_layers(api) -> None:
    place = f"/api/v1/readings/{api.read(png(size=64))['id']}"
    assert api.get(f"{place}/film.png").status_code == 200
    reason = api.get(place).json()["reading"]["refusal"][0]["message"]
    assert reason in api.get(f"{place}/report.html").text
    assert api.get(f"{place}/layers").json()["organs"] == {}
    assert api.get(f"{place}/heatmaps/effusion.png").status_code == 404


def test_the_report_is_sandboxed_and_runs_its_own_script_only(api) -> None:
    item = api.read(symptoms="<script>alert(1)</script>", name="<img src=x onerror=alert(1)>.png")
    answer = api.get(f"/api/v1/readings/{item['id']}/report.html")
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert len(re.findall(r"script-src 'sha256-[\w+/]{43}='", policy)) == 1
    assert "<script>alert(1)" not in answer.text
    assert "<img src=x" not in answer.text


def test_a_damaged_film_is_said_to_be_damaged(api, tmp_path) -> None:
    item = api.read()
    (path,) = (tmp_path / "films").glob("??/*")
    path.write_bytes(b"something else")
    answer = api.get(f"/api/v1/readings/{item['id']}/film.png")
    assert answer.status_code == 415
    assert "damaged" in answer.json()["detail"]
    assert api.get(f"/api/v1/readings/{item['id']}").status_code == 200
