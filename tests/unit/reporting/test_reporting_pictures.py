"""Overlay and heatmaps: colours at the right place, the right way round, on films of any size."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lucidray.domain.box import Box
from lucidray.domain.errors import UsageError
from lucidray.domain.note import Note
from lucidray.domain.prediction import Heatmap
from lucidray.domain.reading import Reading
from lucidray.reporting import film, heatmaps, overlay
from lucidray.reporting.colours import FINDING_COLOURS
from tests.readings import PLACES, accepted_reading, refused_reading, synthetic_film


def coloured(picture: Image.Image) -> np.ndarray:
    """Where a picture is not grey, as bool (h, w)."""
    channels = np.asarray(picture).astype(int)
    return channels.max(axis=2) - channels.min(axis=2) > 40


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_frames_have_the_findings_colour_at_the_boxs_edge(quarter_turns: int) -> None:
    reading = accepted_reading(synthetic_film(900, 700), quarter_turns=quarter_turns)
    picture = overlay.draw(reading)
    assert picture.mode == "RGB"
    assert picture.size == (700, 900)
    x0, _, x1, y1 = PLACES["Effusion"][0]
    colour = FINDING_COLOURS["Effusion"]
    middle = round((x0 + x1) / 2 * 700)
    assert picture.getpixel((middle, round(y1 * 900) - 1)) == colour
    assert picture.getpixel((round(x0 * 700), round((0.75 + y1) / 2 * 900))) == colour
    # Inside the box the film is as it was.
    assert len(set(picture.getpixel((middle, round((y1 - 0.05) * 900))))) == 1


def test_overlay_says_that_it_is_for_research_only() -> None:
    picture = np.asarray(overlay.draw(accepted_reading(np.full((800, 800), 0.5, np.float32)))).astype(int)
    strip = picture[-18:, 200:600]
    assert strip.max() > 240
    assert np.median(strip) < 60


def test_a_refused_film_gets_no_colour_and_no_sides() -> None:
    picture = overlay.draw(refused_reading(np.full((800, 800), 0.5, np.float32)))
    assert not coloured(picture).any()
    assert np.asarray(picture)[:100].max() < 140


def test_sides_are_marked_in_the_upper_corners() -> None:
    dark = np.zeros((900, 700), np.float32)
    top = np.asarray(overlay.draw(accepted_reading(dark)))[:80]
    assert (top[:, :80] == 255).any()
    assert (top[:, -80:] == 255).any()
    assert not (top[:, 80:-80] == 255).any()


def test_the_right_mark_is_on_the_pictures_left(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, Box] = {}
    monkeypatch.setattr(film, "draw_tag", lambda pen, text, plate, size_px, colour: written.update({text: plate}))
    film.mark_sides(Image.new("RGB", (800, 900)), accepted_reading())
    assert written["R"].x1 < 100
    assert written["L"].x0 > 700
    film.mark_sides(Image.new("RGB", (800, 900)), accepted_reading(warnings=(Note(code="mirrored", message="m"),)))
    assert written["R?"].x1 < 100


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (128, 128), (3000, 2500), (40, 900)])
def test_films_of_any_size_are_drawn(height: int, width: int) -> None:
    reading = accepted_reading(np.full((height, width), 0.5, np.float32))
    picture = overlay.draw(reading)
    assert max(picture.size) >= min(640, max(height, width) * 640)
    assert picture.width % width == 0
    assert picture.width // width == picture.height // height
    assert max(heatmaps.render(reading, "Effusion").size) <= 640


@pytest.mark.parametrize("row", [0, -1])
@pytest.mark.parametrize("column", [0, -1])
def test_a_hot_corner_stays_in_its_corner(row: int, column: int) -> None:
    values = np.zeros((12, 10), np.float32)
    values[row, column] = 1
    reading = accepted_reading(np.full((900, 600), 0.5, np.float32), heatmaps={"Effusion": Heatmap(values, cut=0.5)})
    hot = coloured(heatmaps.render(reading, "Effusion"))
    hot[:40, hot.shape[1] // 4 : -hot.shape[1] // 4] = False  # the colour scale
    at = np.argwhere(hot).mean(axis=0) / hot.shape
    assert at == pytest.approx([0.06 if row == 0 else 0.90, 0.06 if column == 0 else 0.94], abs=0.06)


def test_layers_of_the_page_are_the_same_way_round() -> None:
    values = np.zeros((12, 10), np.float32)
    values[0, -1] = 1
    layer = Image.open(BytesIO(heatmaps.layer_png(Heatmap(values, cut=0.5)))).convert("RGBA")
    opacity = np.asarray(layer)[..., 3]
    assert layer.width / layer.height == pytest.approx(10 / 12, abs=0.01)
    assert opacity[0, -1] > 200
    assert opacity[: layer.height // 2, : layer.width // 2].max() < 10
    assert opacity[layer.height // 2 :].max() < 10


def test_a_film_without_heat_stays_grey() -> None:
    flat = np.full((900, 600), 0.5, np.float32)
    reading = accepted_reading(flat, heatmaps={"Effusion": Heatmap(np.zeros((8, 8), np.float32), cut=0.5)})
    below_the_scale = coloured(heatmaps.render(reading, "Effusion"))[60:]
    assert not below_the_scale.any()


def test_a_finding_without_heatmap_is_an_error() -> None:
    with pytest.raises(UsageError, match="Hernia"):
        heatmaps.render(accepted_reading(), "Hernia")


def test_a_reading_from_json_has_no_pictures() -> None:
    loaded = Reading.model_validate_json(accepted_reading().model_dump_json())
    with pytest.raises(UsageError):
        overlay.draw(loaded)
