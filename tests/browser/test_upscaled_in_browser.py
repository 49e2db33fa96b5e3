"""A film of 28 pixels in the browser: refused unless upscaling is chosen, then shown before and after."""

from pathlib import Path

import numpy as np
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
for needed in ("fastapi", "sqlalchemy", "alembic", "httpx", "data_store"):
    pytest.importorskip(needed, reason=f"needs {needed}")

from PIL import Image
from playwright.sync_api import Page, expect
from workstation_process import Workstation
from workstation_steps import CHEST, MARKS, open_reading

from lucidray.imaging.film import read_film

pytestmark = MARKS


@pytest.fixture(scope="module")
def thumbnail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real film, as small as MedMNIST makes them."""
    path = tmp_path_factory.mktemp("small") / "small.png"
    pixels = np.rint(255 * read_film(CHEST).pixels).astype(np.uint8)
    Image.fromarray(pixels).resize((56, 56), Image.Resampling.BICUBIC).save(path)
    return path


def test_the_choice_beside_the_upload_is_sent(page: Page, thumbnail: Path) -> None:
    page.goto("/")
    page.locator("select[name=sort]").select_option("newest")
    page.locator("#upscale").select_option("embedded")
    page.locator("#films").set_input_files(thumbnail)
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("small.png", timeout=60_000)
    expect(first.locator(".state")).to_have_text("read", timeout=60_000)
    first.locator("a").click()
    expect(page.locator(".upscaled")).to_contain_text("texture was invented", timeout=60_000)
    expect(page.locator(".toolbar button").first).to_be_visible(timeout=60_000)


def test_a_small_film_is_refused_where_nobody_asks(page: Page, thumbnail: Path) -> None:
    other = thumbnail.with_name("small-refused.png")
    other.write_bytes(thumbnail.read_bytes())
    page.goto("/")
    page.locator("select[name=sort]").select_option("newest")
    page.locator("#films").set_input_files(other)
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("small-refused.png", timeout=60_000)
    first.locator("a").click()
    expect(page.locator(".refused")).to_contain_text("too_small", timeout=60_000)
    expect(page.locator(".upscaled")).to_have_count(0)
    expect(page.locator(".toolbar button").first).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("width", [390, 1280])
def test_before_and_after_stand_side_by_side(page: Page, station: Workstation, thumbnail: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    open_reading(page, station.read(thumbnail.read_bytes(), "small-upscaled.png", upscale="embedded"))
    panel = page.locator(".upscaled")
    expect(panel).to_contain_text("56 × 56")
    expect(panel).to_contain_text("224 × 224")
    pictures = panel.locator("img")
    expect(pictures).to_have_count(3)
    tops = set()
    for place in range(3):
        picture = pictures.nth(place)
        picture.scroll_into_view_if_needed()
        page.wait_for_function("(image) => image.complete && image.naturalWidth === 224", arg=picture.element_handle())
        tops.add(picture.evaluate("(image) => Math.round(image.getBoundingClientRect().top + scrollY)"))
    assert len(tops) == 1
    expect(page.locator(".warned")).to_contain_text("degraded")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
