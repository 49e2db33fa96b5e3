"""A film of 28 pixels in the browser: refused unless upscaling is chosen, then shown before and after."""

from pathlib import Path

import numpy as np
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
for needed in ("fastapi", "sqlalchemy", "alembic", "httpx", "data_store"):
    pytest.importorskip(needed, reason=f"needs {needed}")

from PIL import Image
from playwright.sync_api import Page, expect
from workstation_steps import CHEST, MARKS

from lucidray.imaging.film import read_film

pytestmark = MARKS


@pytest.fixture(scope="module")
def thumbnail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real film, as small as MedMNIST makes them."""
    path = tmp_path_factory.mktemp("small") / "small.png"
    pixels = np.rint(255 * read_film(CHEST).pixels).astype(np.uint8)
    Image.fromarray(pixels).resize((56, 56), Image.Resampling.BICUBIC).save(path)
    return path


def upload(page: Page, film: Path, method: str) -> None:
    page.goto("/")
    page.locator("select[name=sort]").select_option("newest")
    page.locator("#upscale").select_option(method)
    page.locator("#films").set_input_files(film)
    expect(page.locator("tbody tr").first).to_contain_text("small.png", timeout=60_000)
    page.locator("tbody tr a").first.click()
    expect(page.locator(".toolbar button").first).to_be_visible(timeout=60_000)


def test_a_small_film_is_refused_unless_upscaling_is_chosen(page: Page, thumbnail: Path) -> None:
    upload(page, thumbnail, "none")
    expect(page.locator(".refused")).to_contain_text("too_small", timeout=60_000)
    expect(page.locator(".upscaled")).to_have_count(0)


def test_an_upscaled_film_is_shown_before_and_after(page: Page, thumbnail: Path) -> None:
    upload(page, thumbnail, "embedded")
    panel = page.locator(".upscaled")
    expect(panel).to_contain_text("texture was invented", timeout=60_000)
    expect(panel).to_contain_text("56 × 56")
    expect(panel).to_contain_text("224 × 224")
    pictures = panel.locator("img")
    expect(pictures).to_have_count(3)
    for place in range(3):
        pictures.nth(place).scroll_into_view_if_needed()
        page.wait_for_function(
            "(image) => image.complete && image.naturalWidth === 224", arg=pictures.nth(place).element_handle()
        )
    boxes = [pictures.nth(place).bounding_box() for place in range(3)]
    assert all(box is not None for box in boxes)
    assert len({round(box["y"]) for box in boxes if box}) == 1  # side by side
    expect(page.locator(".warned")).to_contain_text("degraded")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_beyond_the_page(page: Page, thumbnail: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    upload(page, thumbnail, "lanczos")
    expect(page.locator(".upscaled img").first).to_be_visible(timeout=60_000)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_playground_shows_both_too(page: Page, thumbnail: Path) -> None:
    upload(page, thumbnail, "none")
    expect(page.locator(".refused")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Playground").last.click()
    page.locator("select[name=upscale]").select_option("embedded")
    page.locator("button.main").click()
    expect(page.locator(".upscaled img")).to_have_count(3, timeout=60_000)
    expect(page.locator(".upscaled")).to_contain_text("56 × 56")
