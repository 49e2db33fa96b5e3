"""What hands do at the workstation: keys at any moment, the clipboard, dropped films, two fingers, the whole screen."""

import base64
import contextlib
import json
import re

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
for needed in ("fastapi", "sqlalchemy", "alembic", "httpx", "data_store"):
    pytest.importorskip(needed, reason=f"needs {needed}")

from playwright.sync_api import Browser, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError
from servers import png
from workstation_process import Workstation
from workstation_steps import (
    CHEST,
    MARKS,
    PATIENCE_S,
    eventually,
    expect_said,
    open_reading,
    pixels,
    seen_boxes,
    settle,
)

pytestmark = MARKS
LANGUAGES = ("en", "ar", "de", "es", "fr", "zh")
NOTICE = "For research and teaching only. Not for clinical diagnosis."


def test_a_key_right_after_the_key_list_is_closed_counts(page: Page, chest: str) -> None:
    """The browser tells of a closed dialog a moment later, and until then keeps the focus in it."""
    open_reading(page, chest)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate(
        """() => { document.querySelector("dialog").close();
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "c", bubbles: true })); }"""
    )
    expect_said(page, "The report is on the clipboard.")


def test_escape_takes_the_key_list_away_at_once(page: Page, chest: str) -> None:
    open_reading(page, chest)
    page.keyboard.press("?")
    page.get_by_role("dialog").evaluate(
        "(box) => { box.dispatchEvent(new Event('cancel')); window.left = document.querySelectorAll('dialog').length; }"
    )
    assert page.evaluate("() => left") == 0
    page.keyboard.press("?")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("dialog")).to_have_count(0)


@pytest.mark.parametrize(
    "clipboard",
    [
        "{ writeText: () => Promise.reject(new DOMException('Document is not focused.', 'NotAllowedError')) }",
        "{ writeText: () => new Promise(() => {}) }",
        "undefined",
    ],
    ids=["refused", "never answers", "plain HTTP"],
)
def test_the_report_is_copied_where_the_browsers_own_clipboard_fails(page: Page, chest: str, clipboard: str) -> None:
    page.add_init_script(
        "window.own = navigator.clipboard;"
        f" Object.defineProperty(Navigator.prototype, 'clipboard', {{ get: () => ({clipboard}) }});"
    )
    open_reading(page, chest)
    page.evaluate("() => own.writeText('something old')")
    held = page.locator(".sentence").first
    held.focus()
    page.keyboard.press("c")
    expect_said(page, "The report is on the clipboard.")
    assert page.evaluate("() => own.readText()").endswith(NOTICE)
    expect(held).to_be_focused()
    expect(page.locator("textarea")).to_have_count(0)


def test_a_report_that_cannot_be_copied_says_what_to_do(page: Page, chest: str) -> None:
    page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined });"
        " document.execCommand = () => false;"
    )
    open_reading(page, chest)
    page.keyboard.press("c")
    expect(page.locator(".toast.fault")).to_contain_text("Ctrl+C")


def test_report_and_work_are_there_before_the_film_is(page: Page, fresh: str) -> None:
    held: list[Route] = []
    page.route("**/film.u16", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks it
    page.goto(f"/#/reading/{fresh}")
    expect(page.locator(".sentence").first).to_be_visible()
    page.keyboard.press("c")
    expect_said(page, "The report is on the clipboard.")
    page.keyboard.press("i")
    page.keyboard.press("e")
    page.locator(".editor textarea").last.fill("before the film came")
    page.locator(".box-list button").first.focus()
    page.get_by_role("button", name="Reject: Effusion").click()
    page.get_by_role("button", name="Heatmap: Nodule").click()
    eventually(page, lambda: bool(held))
    held[0].continue_()
    expect(page.locator(".toolbar button").first).to_be_visible()
    expect(page.get_by_label("New box")).to_be_visible()
    expect(page.locator(".editor textarea").last).to_have_value("before the film came")
    assert any("effusion" in box["id"] for box in seen_boxes(page))


@pytest.mark.parametrize("late", ["", "/film.u16"], ids=["reading", "film"])
def test_a_reading_that_is_left_while_it_loads_does_not_come_back(page: Page, chest: str, late: str) -> None:
    held: list[Route] = []
    page.route(f"**/readings/{chest}{late}", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks it
    page.goto(f"/#/reading/{chest}")
    eventually(page, lambda: bool(held))
    page.evaluate("() => { location.hash = '#/'; }")
    expect(page.locator("table.worklist")).to_be_visible()
    # The page asks for it no more: an answer has nowhere to go.
    with contextlib.suppress(PlaywrightError):
        held[0].continue_()
    settle(page)
    # No key of a reading that is gone is heard either.
    page.keyboard.press("c")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("() => said") == []
    expect(page.locator("table.worklist")).to_be_visible()
    expect(page.locator(".sentence")).to_have_count(0)


def test_films_are_dropped_onto_the_worklist(page: Page) -> None:
    page.goto("/")
    page.locator("select[name=sort]").select_option("newest")
    expect(page.locator("tbody tr").first).to_be_visible()
    names = ("dropped a.png", "dropped b.png", "notes.txt")
    contents = (png(501), png(502), b"no film at all")
    dragged = page.evaluate_handle(
        """(files) => { const dragged = new DataTransfer();
        for (const [name, text] of files)
          dragged.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name));
        return dragged; }""",
        [[name, base64.b64encode(content).decode()] for name, content in zip(names, contents, strict=True)],
    )
    page.dispatch_event("main", "dragover", {"dataTransfer": dragged})
    expect(page.locator("body")).to_have_class(re.compile("dropping"))
    page.dispatch_event("main", "drop", {"dataTransfer": dragged})
    expect(page.locator("body")).not_to_have_class(re.compile("dropping"))
    for name in names[:2]:
        expect(page.locator("tbody tr", has_text=name).locator(".state")).to_have_text("read")
    fault = page.locator(".uploads li")
    expect(fault).to_have_count(1)
    expect(fault).to_contain_text("notes.txt")
    expect(fault.get_by_role("alert")).not_to_be_empty()


def test_two_fingers_zoom_the_film(chromium: Browser, station: Workstation, chest: str) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True, locale="en-GB", base_url=station.base
    )
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    open_reading(page, chest)
    frame = page.locator(".stage").bounding_box()
    assert frame is not None
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    scale = "() => Konva.stages[0].getLayers()[0].getChildren()[0].scaleX()"
    before = page.evaluate(scale)
    devtools = context.new_cdp_session(page)

    def touch(kind: str, *places: float) -> None:
        points = [{"x": place, "y": y, "id": number} for number, place in enumerate(places)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", x - 40)
    touch("touchStart", x - 40, x + 40)
    for step in range(1, 5):
        touch("touchMove", x - 40 - 10 * step, x + 40 + 10 * step)
    touch("touchEnd")
    eventually(page, lambda: page.evaluate(scale) == pytest.approx(2 * before, rel=0.05))
    # The page itself is not zoomed, and the window of the film is what it was.
    assert page.evaluate("() => visualViewport.scale") == pytest.approx(1)
    expect(page.locator(".stage-foot")).to_contain_text("as read")
    context.close()


def test_the_whole_screen_keeps_the_notice_and_messages_in_sight(page: Page, chest: str) -> None:
    open_reading(page, chest)
    page.keyboard.press("f")
    page.wait_for_function("() => Boolean(document.fullscreenElement)")
    expect(page.locator("#notice")).to_be_in_viewport()
    expect(page.locator("#notice")).to_have_text(NOTICE)
    expect(page.locator(".side")).to_be_hidden()
    expect(page.locator("#bar")).to_be_hidden()
    expect(page.locator(".toolbar")).to_be_in_viewport()
    expect(page.locator(".stage-foot")).to_be_in_viewport(ratio=1)
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    assert stage["height"] > 0.7 * page.evaluate("() => innerHeight")
    page.keyboard.press("c")
    expect(page.locator(".toast")).to_be_in_viewport()
    page.keyboard.press("f")
    page.wait_for_function("() => !document.fullscreenElement")
    expect(page.locator(".side")).to_be_visible()
    # Whoever goes elsewhere leaves it.
    page.keyboard.press("f")
    page.wait_for_function("() => Boolean(document.fullscreenElement)")
    page.evaluate("() => { location.hash = '#/'; }")
    page.wait_for_function("() => !document.fullscreenElement")
    expect(page.locator("#bar")).to_be_visible()


def test_windows_are_chosen_by_name(page: Page, chest: str) -> None:
    open_reading(page, chest)
    before, seen = pixels(page), set()
    windows = page.get_by_label("Window", exact=True)
    for name in windows.locator("option").all_text_contents()[1:]:
        windows.select_option(name)
        expect(page.locator(".stage-foot")).to_contain_text(re.compile(r"W \d+ · L \d+"))
        seen.add(pixels(page))
        # The name stays when the tools are drawn anew.
        page.get_by_role("button", name="Ruler (m)").click()
        expect(windows.locator("option:checked")).to_have_text(name)
    assert len(seen - {before}) == 3
    windows.select_option("as read")
    expect(page.locator(".stage-foot")).to_contain_text("as read")
    assert pixels(page) == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_of_the_word_table_shows_up(page: Page, station: Workstation, fresh: str, language: str) -> None:
    """A key without words is told on the console, too, which fails the test by itself."""
    page.goto("/")
    page.locator("#bar select").select_option(language)
    expect(page.locator("html")).to_have_attribute("lang", language)
    other = station.get("/api/v1/readings?sort=oldest&limit=1")["items"][0]["id"]
    views = {
        "/": "tbody tr",
        f"/#/reading/{fresh}": ".toolbar button",
        f"/#/compare/{fresh}/{other}": ".prior button",
        f"/#/playground/{fresh}": ".play button",
    }
    keys = page.evaluate("async () => Object.keys(await (await fetch('/ui/i18n/en.json')).json())")
    kinds = sorted({key.partition(".")[0] for key in keys if "." in key})
    for address, ready in views.items():
        page.goto(address)
        expect(page.locator(ready).first).to_be_visible()
        if "reading" in address:
            expect(page.locator(".written")).to_have_count(0 if language == "en" else 1)
            page.locator('[data-act="edit"]').click()
            expect(page.locator(".editor")).to_be_visible()
        page.keyboard.press("?")
        expect(page.locator("dialog")).to_be_visible()
        told = page.evaluate(
            """() => [...document.querySelectorAll("*")].flatMap((one) => [
              ...[...one.childNodes].filter((child) => child.nodeType === 3).map((child) => child.textContent),
              ...["aria-label", "title", "placeholder", "label", "alt"].map((name) => one.getAttribute(name) ?? ""),
            ]).map((text) => text.trim()).filter(Boolean)"""
        )
        raw = re.compile(rf"^(?:{'|'.join(map(re.escape, kinds))})\.[\w ]+$")
        assert len(told) > 50
        assert [text for text in told if raw.match(text) or ("_" in text and text in keys)] == []
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)


def test_a_reader_behind_a_server_is_asked_and_laid_beside(page: Page, fresh: str, station: Workstation) -> None:
    open_reading(page, fresh)
    page.get_by_text("Read again").click()
    page.locator(".again select").first.select_option("chat")
    page.locator(".again button").click()
    halves = page.locator(".half")
    expect(halves.nth(1).locator(".sentence").first).to_contain_text("The lungs are clear.")
    expect(halves.nth(0).locator(".sentence").first).not_to_contain_text("The lungs are clear.")
    # It says nothing of what lucidray's own findings say: that is shown, and nothing is averaged away.
    expect(halves.nth(1).locator(".contradictions")).to_contain_text("the reader does not mention it")
    beside = page.url.rsplit("/", 1)[1]
    kept = station.get(f"/api/v1/readings/{beside}")["reading"]
    reader = next(one for one in kept["provenance"]["models"] if one["role"] == "reader")
    assert reader["data_left_machine"] is False
    assert kept["reader_regions"][0]["label"] or kept["reader_regions"][0]["name"] == "heart"


def test_the_playground_shows_a_readers_text_as_it_comes(page: Page, chest: str) -> None:
    page.goto(f"/#/playground/{chest}")
    page.locator("select[name=reader]").select_option("chat")
    page.locator("textarea[name=prompt]").fill("Say what you see, in {language}.")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator(".sentences").first).to_contain_text("The lungs are clear.")
    assert page.evaluate("() => streamed").startswith("The lungs are clear.")


def test_a_service_for_other_machines_asks_for_a_token(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from lucidray.store import tokens
    from lucidray.store.database import open_database

    folder = tmp_path_factory.mktemp("others") / "store"
    database = open_database(None, folder)
    secret = tokens.add(database, "ann", "reader", "test")
    database.close()
    running = Workstation(folder, host="0.0.0.0", token=secret)  # noqa: S104 - the case in question
    running.start()
    try:
        context = chromium.new_context(locale="en-GB", base_url=running.base)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.goto("/")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        expect(page.locator("#notice")).to_be_in_viewport()
        expect(page.get_by_label("Token")).to_be_focused()
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.locator(".toast.fault")).to_have_count(1)
        expect(page.locator("table.worklist")).to_have_count(0)
        page.get_by_label("Token").fill(f" {secret} ")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".empty")).to_be_visible()
        page.locator("#films").set_input_files(CHEST)
        expect(page.locator("tbody tr").first.locator(".state")).to_have_text("read", timeout=120_000)
        page.reload()
        expect(page.locator("tbody tr")).to_have_count(1)
        # The secret is in no place where a script could find it.
        kept = page.evaluate("() => JSON.stringify([localStorage, sessionStorage, document.cookie])")
        assert secret not in kept
        assert json.loads(kept)[2] == ""
        context.close()
    finally:
        running.kill()
