"""The workstation at work, in Debian's Chromium: real films, the shipped gate, known findings."""

import json
import re

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
for needed in ("fastapi", "sqlalchemy", "alembic", "httpx", "data_store"):
    pytest.importorskip(needed, reason=f"needs {needed}")

from playwright.sync_api import Page, expect
from workstation_process import Workstation
from workstation_steps import CHEST, MARKS, eventually, on_screen, open_reading, pixels, seen_boxes

pytestmark = MARKS


def test_a_film_is_uploaded_and_read(page: Page) -> None:
    page.goto("/")
    page.locator("select[name=sort]").select_option("newest")
    page.locator("#symptoms").fill("fever")
    page.locator("#films").set_input_files(CHEST)
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("RG1_UNCR.dcm", timeout=120_000)
    expect(first.locator(".state")).to_have_text("read", timeout=120_000)
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
    for count, button in enumerate(("Save", "Sign"), 1):
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator(".toast.fault")).to_have_count(count)
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
    eventually(page, lambda: bool(asked))
    expect(page).to_have_url(re.compile(f"#/reading/{fresh}$"))
    expect(page.locator(".editor textarea").last).to_have_value("not saved yet")
    assert asked == ["Your changes are not saved. Drop them?"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("a.back").click()
    expect(page.locator("table.worklist")).to_be_visible()


def test_a_film_is_read_again_by_another_reader_and_laid_beside(page: Page, fresh: str, station: Workstation) -> None:
    open_reading(page, fresh)
    page.get_by_text("Read again").click()
    page.locator(".again select").first.select_option("second")
    page.locator(".again button").click()
    expect(page.locator(".half .stage canvas").first).to_be_visible()
    expect(page.locator(".half .sentence").first).to_be_visible()
    expect(page.locator("table.differences tr.differs")).to_have_count(0)
    rows = page.locator("table.differences tbody tr")
    findings = station.get(f"/api/v1/readings/{fresh}")["reading"]["findings"]
    assessed = [one for one in findings if one["status"] != "unsupported"]
    expect(rows).to_have_count(len(assessed))


def test_an_earlier_film_is_linked(page: Page, fresh: str, station: Workstation) -> None:
    other = station.get("/api/v1/readings?sort=oldest&limit=1")["items"][0]["id"]
    page.goto(f"/#/compare/{fresh}/{other}")
    page.get_by_role("button", name="The second film is this patient's earlier one").click()
    expect(page.locator(".prior button")).to_have_attribute("aria-pressed", "true")
    assert station.get(f"/api/v1/readings/{fresh}")["prior"] == other


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
    expect(page.locator("#offline")).to_be_hidden()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".versions li")).to_have_count(2)
    assert station.get(f"/api/v1/readings/{fresh}")["edit"]["edit"]["note"] == "written while it was gone"
