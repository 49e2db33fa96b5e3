"""The workstation for everybody: languages, themes, keyboard, screen readers, long lists, hostile names."""

import json
import re
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
for needed in ("fastapi", "sqlalchemy", "alembic", "httpx", "data_store"):
    pytest.importorskip(needed, reason=f"needs {needed}")

from playwright.sync_api import Browser, Page, expect
from workstation_process import SEEDED, Workstation
from workstation_steps import CHEST, LEG, MARKS, PATIENCE_S, expect_said, open_reading, pixels, settle

from lucidray.readers.prompt import available_strategies

pytestmark = MARKS
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SCRIPT = "<img src=x onerror=window.broken=1><script>window.broken=1"
FIRST_VIEW_BYTES = 300_000


def test_a_refused_film_says_why_and_what_to_do(page: Page, station: Workstation) -> None:
    refused = station_refused(station)
    open_reading(page, refused)
    panel = page.locator(".panel.refused")
    expect(panel).to_contain_text("not_chest")
    expect(panel).to_contain_text("whole frontal chest radiograph")
    expect(page.locator(".finding, .badge, .sentence")).to_have_count(0)


def station_refused(station: Workstation) -> str:
    """A refused film is 422 with the reading in it."""
    from urllib.error import HTTPError

    with pytest.raises(HTTPError) as told:
        station.read(LEG.read_bytes(), "leg.dcm")
    assert told.value.code == 422
    return str(json.load(told.value)["readings"][0]["id"])


def test_the_theme_is_remembered(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Dark or light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_arabic_runs_from_right_to_left_and_the_film_does_not(page: Page, chest: str) -> None:
    open_reading(page, chest)
    before = pixels(page)
    page.locator("#bar select").select_option("ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("h1 bdi")).to_have_text("RG1_UNCR.dcm")
    expect(page.locator(".finding-name", has_text="انصباب جنبي")).to_be_visible()
    expect(page.locator(".toolbar button").first).to_be_visible()
    settle(page)
    assert pixels(page) == before
    sides = page.evaluate(
        "() => Konva.stages.at(-1).find('.side-mark').map((one) => [one.text(), one.absolutePosition().x])"
    )
    assert [text for text, _ in sorted(sides, key=lambda one: one[1])] == ["R", "L"]
    report, film = page.locator(".side").bounding_box(), page.locator(".stage").bounding_box()
    assert report is not None
    assert film is not None
    assert report["x"] < film["x"]


def test_a_film_that_came_turned_is_shown_upright_with_the_patients_right_on_the_left(
    page: Page, station: Workstation
) -> None:
    from io import BytesIO

    import numpy as np
    from PIL import Image

    from lucidray.imaging.film import read_film

    upright = Image.fromarray(np.rint(255 * read_film(CHEST).pixels).astype(np.uint8))
    file = BytesIO()
    upright.resize((700, 840)).transpose(Image.Transpose.ROTATE_90).save(file, "PNG")
    reading = station.read(file.getvalue(), "turned.png", fix_orientation="true")
    open_reading(page, reading)
    assert station.get(f"/api/v1/readings/{reading}/film")["quarter_turns"] == 3
    marks = page.evaluate(
        "() => Konva.stages[0].find('.side-mark').map((one) => [one.text(), one.absolutePosition().x,"
        " one.absolutePosition().y, one.getAbsoluteRotation() % 360])"
    )
    (right, right_x, right_y, right_turn), (left, left_x, left_y, left_turn) = sorted(marks, key=lambda one: one[1])
    assert (right, left) == ("R", "L")
    assert right_y == pytest.approx(left_y, abs=1)
    assert left_x - right_x > 200
    assert right_turn == pytest.approx(0, abs=0.1)
    assert left_turn == pytest.approx(0, abs=0.1)
    height = page.locator(".stage").bounding_box()["height"]
    assert right_y < height / 4


def test_200_readings_are_in_the_list_and_can_be_walked_by_keyboard(page: Page, station: Workstation) -> None:
    page.goto("/")
    expect(page.locator("tbody tr")).to_have_count(50)
    total = station.get("/api/v1/readings?limit=1")["total"]
    assert total >= SEEDED
    expect(page.locator("[role=search]")).to_contain_text(f"{total} readings")
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("tbody tr").nth(1)
    expect(second.locator("a")).to_be_focused()
    held = second.get_attribute("data-id")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/reading/{held}$"))
    page.go_back()
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".pages")).to_contain_text("51–100")


def test_a_reading_is_worked_on_by_keyboard_alone(page: Page, fresh: str) -> None:
    open_reading(page, fresh)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("copy the report")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("c")
    expect_said(page, "clipboard")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("Findings\n")
    assert copied.endswith("For research and teaching only. Not for clinical diagnosis.")
    before = pixels(page)
    page.keyboard.press("i")
    assert pixels(page) != before
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        held = "document.activeElement"
        reached.add(page.evaluate(f"() => {held}.getAttribute('aria-label') ?? {held}.className"))
        outlined = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outlined != "none" or page.evaluate("() => document.activeElement === document.body")
    assert any("sentence" in name for name in reached)
    assert any(name.startswith("Film.") for name in reached)


def test_the_playground_reads_a_film_and_keeps_nothing(page: Page, chest: str, station: Workstation) -> None:
    before = station.get("/api/v1/readings?limit=1")["total"]
    page.goto(f"/#/playground/{chest}")
    expect(page.locator("select[name=strategy] option")).to_have_text(list(available_strategies()))
    page.locator("select[name=language]").select_option("de")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator(".sentences").first).to_contain_text(re.compile("Pleuraerguss", re.IGNORECASE))
    assert station.get("/api/v1/readings?limit=1")["total"] == before


def test_script_in_names_and_symptoms_is_text(page: Page, station: Workstation) -> None:
    reading = station.read(CHEST.read_bytes(), SCRIPT, symptoms=SCRIPT)
    open_reading(page, reading)
    expect(page.locator("h1")).to_contain_text("onerror")
    page.goto("/")
    page.locator("select[name=sort]").select_option("newest")
    expect(page.locator("tbody tr").first).to_contain_text("onerror")
    assert page.evaluate("() => window.broken") is None


def test_the_first_view_is_small(page: Page) -> None:
    page.goto("/")
    expect(page.locator("tbody tr").first).to_be_visible()
    sizes = page.evaluate(
        "() => performance.getEntries().filter((one) => one.decodedBodySize && !one.name.includes('/api/'))"
        ".map((one) => [one.name, one.decodedBodySize])"
    )
    assert any("konva" in name for name, _ in sizes)
    assert sum(size for _, size in sizes) < FIRST_VIEW_BYTES


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(chromium: Browser, station: Workstation, chest: str, theme: str) -> None:
    # axe runs outside of the page's policy; the page itself is as everybody gets it.
    context = chromium.new_context(color_scheme=theme, base_url=station.base, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    for address, ready in (("/", "tbody tr"), (f"/#/reading/{chest}", ".toolbar button"), ("/#/playground", ".play")):
        page.goto(address)
        expect(page.locator(ready).first).to_be_visible()
        if "reading" in address:
            page.keyboard.press("e")
            expect(page.locator(".editor")).to_be_visible()
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
        serious = [
            (one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"])
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert not serious, address
    context.close()
