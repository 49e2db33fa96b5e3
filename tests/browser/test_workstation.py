"""The workstation as a person uses it, in Debian's Chromium: real films, the shipped gate, known findings."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("fastapi", reason="needs lucidray[server]")
pytest.importorskip("sqlalchemy", reason="needs lucidray[server]")
pytest.importorskip("httpx", reason="needs httpx")
DATA_STORE = pytest.importorskip("data_store", reason="needs pydicom-data")

from playwright.sync_api import Browser, Page, expect
from workstation_process import SEEDED, Workstation, seed

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.extra,
    pytest.mark.skipif(CHROMIUM is None or os.name == "nt", reason="needs Chromium"),
]
FILMS = Path(DATA_STORE.__file__).parent / "data"
CHEST, LEG = FILMS / "RG1_UNCR.dcm", FILMS / "RG3_UNCR.dcm"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SCRIPT = "<img src=x onerror=window.broken=1><script>window.broken=1"
FIRST_VIEW_BYTES = 300_000


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workstation]:
    folder = tmp_path_factory.mktemp("workstation") / "store"
    seed(folder)
    running = Workstation(folder)
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, station: Workstation) -> Iterator[Page]:
    """A fresh page; whatever it complains of on the console fails the test, unless the test expects it."""
    context = browser.new_context(viewport={"width": 1280, "height": 850}, locale="en-GB", base_url=station.base)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    faults: list[str] = []
    opened.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    # A refused change and a lost connection are told on the console by the browser itself.
    assert not [fault for fault in faults if "Failed to load resource" not in fault]


@pytest.fixture(scope="module")
def chest(station: Workstation) -> str:
    return station.read(CHEST.read_bytes(), CHEST.name, symptoms="fever, cough for 5 days")


@pytest.fixture
def fresh(station: Workstation) -> str:
    """A reading that no other test has edited."""
    return station.read(CHEST.read_bytes())


def open_reading(page: Page, reading: str) -> None:
    page.goto(f"/#/reading/{reading}")
    expect(page.locator(".toolbar button").first).to_be_visible()


def pixels(page: Page) -> str:
    """What the film's canvas shows."""
    return str(page.evaluate("() => document.querySelector('.stage canvas').toDataURL()"))


def seen_boxes(page: Page) -> list[dict[str, Any]]:
    """Boxes as Konva draws them."""
    return page.evaluate(
        "() => Konva.stages[0].find('Rect').filter((one) => one.id()).map((one) => ({ id: one.id(), visible:"
        " one.visible(), stroke: one.strokeWidth(), opacity: one.opacity(), x: one.x(), width: one.width() }))"
    )


def on_screen(page: Page, box: str) -> tuple[float, float]:
    """The middle of a box, in pixels of the page."""
    x, y = page.evaluate(
        """(id) => { const stage = Konva.stages[0]; const frame = stage.container().getBoundingClientRect();
        const box = stage.find('Rect').find((one) => one.id() === id).getClientRect();
        return [frame.x + box.x + box.width / 2, frame.y + box.y + box.height / 2]; }""",
        box,
    )
    return x, y


def test_a_film_is_uploaded_and_read(page: Page) -> None:
    page.goto("/")
    page.locator("select[name=sort]").select_option("newest")
    page.locator("#symptoms").fill("fever")
    page.locator("#films").set_input_files(CHEST)
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("RG1_UNCR.dcm", timeout=60_000)
    expect(first.locator(".state")).to_have_text("read", timeout=60_000)
    expect(first.locator(".what")).to_contain_text("Effusion")
    first.locator("a").click()
    expect(page.locator(".sentence").first).to_be_visible()
    expect(page.locator("#notice")).to_be_in_viewport()
    page.mouse.wheel(0, 4000)
    expect(page.locator("#notice")).to_be_in_viewport()


def test_a_sentence_lights_its_region_and_a_region_its_sentence(page: Page, chest: str) -> None:
    open_reading(page, chest)
    sentence = page.locator('.sentence[data-evidence*="region-effusion"], .sentence[data-evidence*="effusion"]').first
    sentence.focus()
    lit = [box for box in seen_boxes(page) if box["stroke"] == 4]
    assert lit
    assert all("effusion" in box["id"] for box in lit)
    page.mouse.move(0, 0)
    page.locator("h1").click()
    box = next(box["id"] for box in seen_boxes(page) if box["visible"] and "effusion" in box["id"])
    page.mouse.move(*on_screen(page, box))
    expect(page.locator(".sentence.lit").first).to_contain_text(re.compile("effusion", re.IGNORECASE))


def test_a_drag_changes_the_window_and_reset_brings_it_back(page: Page, chest: str) -> None:
    open_reading(page, chest)
    before = pixels(page)
    frame = page.locator(".stage").bounding_box()
    assert frame is not None
    page.mouse.move(frame["x"] + 30, frame["y"] + frame["height"] - 30)
    page.mouse.down()
    page.mouse.move(frame["x"] + 180, frame["y"] + frame["height"] - 160, steps=4)
    page.mouse.up()
    expect(page.locator(".stage-foot")).to_contain_text(re.compile(r"W \d+ · L \d+"))
    assert pixels(page) != before
    page.keyboard.press("0")
    expect(page.locator(".stage-foot")).to_contain_text("as read")
    page.wait_for_timeout(100)
    assert pixels(page) == before


def test_text_and_boxes_are_edited_saved_signed_and_both_versions_kept(
    page: Page, fresh: str, station: Workstation
) -> None:
    open_reading(page, fresh)
    model = station.get(f"/api/v1/readings/{fresh}")["reading"]
    effusion = next(one for one in model["findings"] if one["label"] == "Effusion")
    region = effusion["regions"][0]
    page.get_by_role("button", name="Edit (e)").click()
    page.locator(".editor textarea").nth(2).fill("Effusion on the right, seen by me.")
    page.locator(f'[data-box="{region["id"]}"] button').first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.mouse.move(*on_screen(page, region["id"]))
    page.mouse.down()
    page.mouse.move(*(place + 12 for place in on_screen(page, region["id"])), steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Accept: Effusion").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".versions li")).to_have_count(2)
    kept = station.get(f"/api/v1/readings/{fresh}")
    assert kept["reading"] == model
    edit = kept["edit"]["edit"]
    assert edit["report"]["impression"] == "Effusion on the right, seen by me."
    assert edit["decisions"] == {"Effusion": "accepted"}
    moved = next(box for box in edit["boxes"] if box["id"] == region["id"])
    assert moved["origin"] == "moved"
    old, new = region["box_xyxy_px"], moved["box_xyxy_px"]
    assert new[0] > old[0] + 2
    assert new[3] - new[1] == pytest.approx(old[3] - old[1] + 1, abs=0.2)
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("Signed by")).to_be_visible()
    assert station.get(f"/api/v1/readings/{fresh}")["signed_by"]
    expect(page.get_by_role("button", name="Accept: Effusion")).to_be_disabled()


def test_a_box_is_drawn_and_another_one_removed(page: Page, fresh: str, station: Workstation) -> None:
    open_reading(page, fresh)
    page.keyboard.press("e")
    page.get_by_label("New box").select_option("Nodule")
    frame = page.locator(".stage").bounding_box()
    assert frame is not None
    middle = (frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 3)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 50, steps=3)
    page.mouse.up()
    drawn = page.locator('[data-box^="new-"]')
    expect(drawn).to_have_count(1)
    drawn.locator("button").first.focus()
    page.keyboard.press("ArrowLeft")
    page.locator('[data-box*="effusion"] button').last.click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".versions li")).to_have_count(2)
    boxes = station.get(f"/api/v1/readings/{fresh}")["edit"]["edit"]["boxes"]
    assert [box["origin"] for box in boxes if box["label"] == "Nodule" and box["origin"] == "person"] == ["person"]
    assert not [box for box in boxes if box["label"] == "Effusion"]


def test_an_edit_of_an_old_version_is_refused_and_the_text_stays(page: Page, fresh: str, station: Workstation) -> None:
    open_reading(page, fresh)
    page.keyboard.press("e")
    page.locator(".editor textarea").last.fill("my own note")
    body = json.dumps({"note": "somebody else's"}).encode()
    station.send("PATCH", f"/api/v1/readings/{fresh}/edit", body, "application/json", If_Match='"0"')
    for button in ("Save", "Sign"):
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator(".toast.fault").last).to_contain_text("Somebody else changed this reading")
    expect(page.locator(".editor textarea").last).to_have_value("my own note")
    kept = station.get(f"/api/v1/readings/{fresh}")
    assert kept["edit"]["edit"]["note"] == "somebody else's"
    assert kept["signed_by"] is None


def test_unsaved_work_is_not_lost_by_going_back(page: Page, fresh: str) -> None:
    open_reading(page, fresh)
    page.keyboard.press("e")
    page.locator(".editor textarea").last.fill("not saved yet")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.locator("a.back").click()
    expect(page).to_have_url(re.compile(f"#/reading/{fresh}$"))
    expect(page.locator(".editor textarea").last).to_have_value("not saved yet")
    assert asked == ["Your changes are not saved. Drop them?"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("a.back").click()
    expect(page.locator("table.worklist")).to_be_visible()


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
    before = page.locator(".stage canvas").first.evaluate("(canvas) => canvas.toDataURL()")
    page.locator("#bar select").select_option("ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("h1 bdi")).to_have_text("RG1_UNCR.dcm")
    expect(page.locator(".finding-name", has_text="انصباب جنبي")).to_be_visible()
    expect(page.locator(".toolbar button").first).to_be_visible()
    page.wait_for_timeout(200)
    assert pixels(page) == before
    report, film = page.locator(".side").bounding_box(), page.locator(".stage").bounding_box()
    assert report is not None
    assert film is not None
    assert report["x"] < film["x"]


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
    expect(page.locator(".toast")).to_contain_text("clipboard")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("Findings\n")
    assert copied.endswith("For research and teaching only. Not for clinical diagnosis.")
    before = pixels(page)
    page.keyboard.press("i")
    page.wait_for_timeout(100)
    assert pixels(page) != before
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.className"))
        outlined = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outlined != "none" or page.evaluate("() => document.activeElement === document.body")
    assert any("sentence" in name for name in reached)
    assert any(name.startswith("Film.") for name in reached)


def test_a_film_is_read_again_by_another_reader_and_laid_beside(page: Page, fresh: str, station: Workstation) -> None:
    open_reading(page, fresh)
    page.get_by_text("Read again").click()
    page.locator(".again select").first.select_option("second")
    page.locator(".again button").click()
    expect(page.locator(".half .stage canvas").first).to_be_visible()
    expect(page.locator(".half .sentence").first).to_be_visible()
    expect(page.locator("table.differences tr.differs")).to_have_count(0)
    rows = page.locator("table.differences tbody tr")
    assessed = [one for one in station.get(f"/api/v1/readings/{fresh}")["reading"]["findings"] if one["status"] != "unsupported"]
    expect(rows).to_have_count(len(assessed))


def test_an_earlier_film_is_linked(page: Page, fresh: str, station: Workstation) -> None:
    other = station.get("/api/v1/readings?sort=oldest&limit=1")["items"][0]["id"]
    page.goto(f"/#/compare/{fresh}/{other}")
    page.get_by_role("button", name="The second film is this patient's earlier one").click()
    expect(page.locator(".prior button")).to_have_attribute("aria-pressed", "true")
    assert station.get(f"/api/v1/readings/{fresh}")["prior"] == other


def test_the_playground_reads_a_film_and_keeps_nothing(page: Page, chest: str, station: Workstation) -> None:
    before = station.get("/api/v1/readings?limit=1")["total"]
    page.goto(f"/#/playground/{chest}")
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
def test_axe_finds_no_serious_fault(browser: Browser, station: Workstation, chest: str, theme: str) -> None:
    # axe runs outside of the page's policy; the page itself is as everybody gets it.
    context = browser.new_context(color_scheme=theme, base_url=station.base, bypass_csp=True)
    page = context.new_page()
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


def test_a_lost_connection_is_told_recovers_by_itself_and_keeps_the_work(
    page: Page, fresh: str, station: Workstation
) -> None:
    open_reading(page, fresh)
    page.keyboard.press("e")
    page.locator(".editor textarea").last.fill("written while it was gone")
    station.kill()
    try:
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#offline")).to_be_visible()
        expect(page.locator(".editor textarea").last).to_have_value("written while it was gone")
    finally:
        station.start()
    expect(page.locator("#offline")).to_be_hidden(timeout=30_000)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".versions li")).to_have_count(2)
    assert station.get(f"/api/v1/readings/{fresh}")["edit"]["edit"]["note"] == "written while it was gone"
