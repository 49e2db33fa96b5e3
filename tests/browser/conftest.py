"""A workstation and a browser for the tests of the page; both start when a test first asks for them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import chat_server
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from workstation_process import Workstation


@pytest.fixture(scope="session")
def station(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Workstation]":
    from workstation_process import Workstation, seed

    folder = tmp_path_factory.mktemp("workstation") / "store"
    seed(folder)
    with chat_server.running() as chat:
        running = Workstation(folder, f"{chat}/v1")
        running.start()
        yield running
        running.kill()


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    from playwright.sync_api import expect, sync_playwright
    from workstation_steps import CHROMIUM, FLAGS, PATIENCE_S

    # What is looked for is nearly always there at once: only a machine that is busy with other things needs the rest.
    expect.set_options(timeout=1000 * PATIENCE_S)

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(chromium: "Browser", station: "Workstation") -> "Iterator[Page]":
    """A fresh page; whatever it complains of on the console fails the test, unless the test expects it."""
    from workstation_steps import PATIENCE_S, RECORDER

    context = chromium.new_context(viewport={"width": 1280, "height": 850}, locale="en-GB", base_url=station.base)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(1000 * PATIENCE_S)
    opened.add_init_script(RECORDER)
    faults: list[str] = []
    opened.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    # A refused change and a lost connection are told on the console by the browser itself.
    assert not [fault for fault in faults if "Failed to load resource" not in fault]


@pytest.fixture(scope="session")
def chest(station: "Workstation") -> str:
    from workstation_steps import CHEST

    return station.read(CHEST.read_bytes(), CHEST.name, symptoms="fever, cough for 5 days")


@pytest.fixture
def fresh(station: "Workstation") -> str:
    """A reading that no other test has edited."""
    from workstation_steps import CHEST

    return station.read(CHEST.read_bytes())
