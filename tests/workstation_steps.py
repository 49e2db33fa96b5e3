"""What the tests of the workstation do again and again."""

import os
import shutil
from pathlib import Path
from typing import Any

import data_store
import pytest
from playwright.sync_api import Page, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FILMS = Path(data_store.__file__).parent / "data"
CHEST, LEG = FILMS / "RG1_UNCR.dcm", FILMS / "RG3_UNCR.dcm"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MARKS = [
    pytest.mark.extra,
    pytest.mark.skipif(CHROMIUM is None or os.name == "nt", reason="needs Chromium"),
]


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
