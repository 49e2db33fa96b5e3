"""The page as a browser shows it: policy, evidence at a hover and by keyboard, layers, narrow screens, print.

Talks to a headless Chromium through its debugging pipe; no driver and no network is needed.
"""

import base64
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lucidray.domain.note import Note
from lucidray.reporting import html
from tests.readings import accepted_reading, refused_reading, synthetic_film
from tests.two_sources import two_sources

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.extra,
    pytest.mark.skipif(BROWSER is None or os.name == "nt", reason="needs Chromium"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab of a headless Chromium."""

    def __init__(self, profile: Path) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # The debugging pipe is at descriptors 3 and 4, whatever numbers ours have.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, str(BROWSER), *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            received = os.read(self._in, 1 << 16)
            assert received, "the browser has gone"
            self._buffer += received
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def open(self, page: Path, width: int = 1280, *, dark: bool = False) -> None:
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="", features=[scheme])
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def run(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def hover(self, selector: str) -> None:
        x, y = self.run(
            f"""(() => {{ const element = document.querySelector({selector!r});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()"""
        )
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=9)

    def close(self) -> None:
        self._session = None
        self.call("Browser.close")
        self._process.wait(timeout=120)
        os.close(self._in)
        os.close(self._out)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    mirrored = (Note(code="mirrored", message="The film looks mirrored."),)
    hostile = '<script>document.title = "owned"</script><img src="http://127.0.0.1:9/x" onerror="document.title=1">'
    readings = {
        "accepted": accepted_reading(synthetic_film(1200, 1000)),
        "hostile": accepted_reading(name=hostile, symptoms=hostile, warnings=mirrored, age=4, language="ar"),
        "refused": refused_reading(),
    }
    with pytest.MonkeyPatch.context() as patch:
        readings["two_sources"] = two_sources(patch)
        readings["two_hostile"] = two_sources(patch, hostile=True)
    paths = {}
    for name, reading in readings.items():
        paths[name] = folder / f"{name}.html"
        paths[name].write_text(html.render(reading), encoding="utf-8", newline="\n")
    return paths


LIT_BOXES = "Array.from(document.querySelectorAll('.box.lit'), box => box.dataset.region)"
LIT_SENTENCES = "Array.from(document.querySelectorAll('.sentence.lit p'), one => one.textContent)"


@pytest.mark.parametrize("name", ["accepted", "hostile", "refused", "two_sources", "two_hostile"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_pages_open_clean_and_fit(browser: Browser, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    browser.open(pages[name], width, dark=dark)
    assert browser.run("document.title").endswith("lucidray")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.querySelector('img.base').naturalWidth") > 0
    assert browser.run("document.documentElement.classList.contains('js')")
    entries = [
        event for event in browser.events if event.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}
    ]
    assert entries == []
    requested = [
        event["params"]["request"]["url"][:40]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert all(url.startswith(("file:", "data:")) for url in requested), requested


def test_a_hover_over_a_sentence_lights_what_it_rests_on(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["accepted"])
    browser.hover('[data-evidence~="region-nodule-1"][data-evidence~="region-nodule-2"] p')
    assert browser.run(LIT_BOXES) == ["region-nodule-1", "region-nodule-2"]
    assert browser.run("document.querySelector('.film').classList.contains('dim')")
    assert browser.run("document.getElementById('finding-nodule').classList.contains('lit')")
    # A sentence that names no place of its finding means all of them.
    browser.hover('[data-evidence="finding-cardiomegaly measurement-cardiothoracic-ratio"] p')
    assert browser.run(LIT_BOXES) == ["region-cardiomegaly-1"]
    browser.hover("h1")
    assert browser.run(LIT_BOXES) == []
    assert not browser.run("document.querySelector('.film').classList.contains('dim')")


def test_a_hover_over_a_region_lights_its_sentences(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["accepted"])
    browser.hover("#region-nodule-2")
    assert browser.run(LIT_BOXES) == ["region-nodule-2"]
    assert browser.run(LIT_SENTENCES) == ["Nodules in the left lung.", "Nodule: left mid zone."]


def test_a_readers_sentence_lights_the_finding_and_the_readers_own_box(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["two_sources"])
    browser.hover('.sentence.is-contradicted[data-evidence~="reader-region-1"] p')
    lit = browser.run(LIT_BOXES)
    assert "region-effusion-1" in lit
    assert "reader-region-1" in lit
    assert "reader-region-2" not in lit
    # Its boxes are one layer, which is switched without touching the findings' own.
    shown = "getComputedStyle(document.querySelector('[data-layer=\"{}\"]')).display != 'none'"
    browser.hover("h1")
    browser.run("document.querySelector('[data-switch=\"reader-boxes\"]').click()")
    assert not browser.run(shown.format("reader-boxes"))
    assert browser.run(shown.format("finding-effusion"))


def test_the_keyboard_does_what_the_mouse_does(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["accepted"])
    reached = []
    for _ in range(12):
        browser.press("Tab")
        reached.append(browser.run("document.activeElement.id"))
        if reached[-1] == "region-effusion-1":
            break
    assert reached[0] == "theme"
    assert reached[-1] == "region-effusion-1"
    assert browser.run(LIT_BOXES) == ["region-effusion-1"]
    assert "Signs of a pleural effusion in the right lower zone." in browser.run(LIT_SENTENCES)
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_layers_are_switched(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["accepted"])
    shown = "getComputedStyle(document.querySelector({!r})).display != 'none'"
    for layer in ("finding-effusion", "outlines"):
        assert browser.run(shown.format(f'[data-layer="{layer}"]'))
        browser.run(f"document.querySelector('[data-switch=\"{layer}\"]').click()")
        assert not browser.run(shown.format(f'[data-layer="{layer}"]'))
    # Evidence is shown even where its finding is switched off.
    browser.hover('[data-evidence="region-effusion-1"] p')
    assert browser.run(shown.format('.box[data-region="region-effusion-1"]'))
    heats = "Array.from(document.querySelectorAll('img.heat:not([hidden])'), one => one.id)"
    assert browser.run(heats) == []
    browser.run("document.getElementById('heat').value = 'heat-nodule'")
    browser.run("document.getElementById('heat').dispatchEvent(new Event('change'))")
    assert browser.run(heats) == ["heat-nodule"]
    assert browser.run("document.querySelectorAll('.scale:not([hidden])').length") == 1


def test_the_box_is_over_its_place_on_the_picture(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["accepted"])
    x0, y0, x1, y1 = browser.run(
        """(() => { const film = document.querySelector('img.base').getBoundingClientRect();
        const box = document.querySelector('[data-region="region-effusion-1"] .frame').getBoundingClientRect();
        return [(box.left - film.left) / film.width, (box.top - film.top) / film.height,
                (box.right - film.left) / film.width, (box.bottom - film.top) / film.height]; })()"""
    )
    assert [x0, y0, x1, y1] == pytest.approx([0.10, 0.62, 0.36, 0.84], abs=0.01)


@pytest.mark.parametrize("name", ["accepted", "hostile"])
def test_the_patients_right_is_on_the_left_whatever_the_direction(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name])
    right, left = browser.run("Array.from(document.querySelectorAll('.side'), one => one.getBoundingClientRect().left)")
    middle = browser.run("(box => box.left + box.width / 2)(document.querySelector('.film').getBoundingClientRect())")
    assert right < middle < left


def test_dark_and_light_are_switched_by_hand(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["accepted"])
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.run("document.getElementById('theme').click()")
    dark = browser.run(ground)
    assert light != dark
    browser.run("document.getElementById('theme').click()")
    assert browser.run(ground) == light


def test_print_is_light_without_controls_and_has_all_pages(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["accepted"], dark=True)
    printed = browser.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.querySelector('.notice')).display") != "none"


CONTRASTS = """(() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const rgb = channels(getComputedStyle(one).backgroundColor);
      if (rgb.length === 3 || rgb[3] > 0.5) return rgb;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest("svg, script, option") || !element.getClientRects().length) continue;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.className} ${element.textContent.slice(0, 30)}`);
  }
  return poor;
})()"""


@pytest.mark.parametrize("name", ["accepted", "hostile", "refused", "two_sources"])
@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(browser: Browser, pages: dict[str, Path], name: str, dark: bool) -> None:
    browser.open(pages[name], dark=dark)
    assert browser.run(CONTRASTS) == []
