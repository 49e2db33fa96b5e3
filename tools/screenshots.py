"""Make the pictures of the workstation in docs/images anew: `python tools/screenshots.py`.

Starts the service on a free port with a store of its own, has the demo film and a leg of pydicom-data read, and takes
pictures with Chromium. Needs the extras server, demo and dev (playwright), and Chromium.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import data_store
from PIL import Image
from playwright.sync_api import expect, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FILMS = Path(data_store.__file__).parent / "data"
CHEST, LEG = FILMS / "RG1_UNCR.dcm", FILMS / "RG3_UNCR.dcm"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WAIT_S = 120
MOST_BYTES = 250_000


def main() -> None:
    """Start the service, take both pictures, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lucidray", "serve", "--no-open", "--port", str(port), "--folder", folder]
        service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", service)
            take(f"http://127.0.0.1:{port}/")
        finally:
            service.terminate()
            service.wait()


def wait_for(address: str, service: "subprocess.Popen[bytes]") -> None:
    """Wait until the service answers."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10):  # noqa: S310 (an address of this machine)
                return
        except OSError:
            if service.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.2)


def take(address: str) -> None:
    """Have the films read, and take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", color_scheme="light")
        page = context.new_page()
        page.goto(address)
        page.locator("#symptoms").fill("fever, cough for 5 days")
        page.locator("#films").set_input_files([CHEST, LEG])
        expect(page.locator("tr .state.done")).to_have_count(2, timeout=1000 * WAIT_S)
        expect(page.locator("img.thumb")).to_have_count(2)
        page.wait_for_timeout(1500)
        page.set_viewport_size({"width": 1280, "height": 420})
        page.screenshot(path=IMAGES / "worklist.png")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.locator("tr:has(.badge) td.film a").first.click()
        expect(page.locator(".toolbar button").first).to_be_visible()
        page.keyboard.press("o")
        page.locator(".sentence[data-evidence*=region]").first.hover()
        page.evaluate("() => window.scrollTo(0, 0)")
        page.wait_for_timeout(500)
        page.screenshot(path=IMAGES / "reading.png")
        browser.close()
    for name in ("worklist.png", "reading.png"):
        shrink(IMAGES / name)


def shrink(path: Path) -> None:
    """Write a picture with 128 colours, which keeps a film's greys and is a third of the size."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MOST_BYTES}")


if __name__ == "__main__":
    main()
