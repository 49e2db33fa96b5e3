"""What the tests of the workstation do again and again."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_store
import pytest
from playwright.sync_api import Page, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FILMS = Path(data_store.__file__).parent / "data"
CHEST, LEG = FILMS / "RG1_UNCR.dcm", FILMS / "RG3_UNCR.dcm"
PATIENCE_S = 60
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MARKS = [
    pytest.mark.extra,
    pytest.mark.skipif(CHROMIUM is None or os.name == "nt", reason="needs Chromium"),
]


# Messages go by themselves after seconds, which a slow machine may need to look: what was said is kept.
RECORDER = """
window.said = [];
window.streamed = "";
new MutationObserver((changes) => {
  for (const { addedNodes, target } of changes) {
    for (const node of addedNodes) {
      for (const toast of node.querySelectorAll?.(".toast") ?? []) said.push(toast.textContent);
      if (node.classList?.contains("toast")) said.push(node.textContent);
      if (target.classList?.contains("streamed")) streamed += node.textContent;
    }
  }
}).observe(document, { childList: true, subtree: true });
"""


def open_reading(page: Page, reading: str) -> None:
    page.goto(f"/#/reading/{reading}")
    expect(page.locator(".toolbar button").first).to_be_visible()
    settle(page)


def settle(page: Page) -> None:
    """Let the page lay itself out: two frames, in which the film takes its place."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def expect_said(page: Page, text: str) -> None:
    """A message with these words is, or was, shown."""
    page.wait_for_function("(text) => said.some((one) => one.includes(text))", arg=text)


def eventually(page: Page, condition: Callable[[], bool]) -> None:
    """Look again and again, and leave the page its time, until something holds."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        page.wait_for_timeout(50)


def pixels(page: Page) -> str:
    """What the film's canvas shows, drawn now and not with the next frame."""
    return str(
        page.evaluate(
            "() => { Konva.stages.forEach((stage) => stage.draw());"
            " return document.querySelector('.stage canvas').toDataURL(); }"
        )
    )


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
