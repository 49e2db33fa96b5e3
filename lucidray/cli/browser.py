"""Opening a page in the person's browser, where there is one to open it in."""

import os
import sys
import webbrowser
from pathlib import Path

from lucidray.cli import streams

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_page(page: Path) -> bool:
    """Open a file in the browser, and say where it lies when there is no browser or no display.

    Returns
    -------
    bool
        Whether a browser took it.
    """
    # Without a display webbrowser starts a text browser, which would take over the terminal.
    has_display = sys.platform in {"win32", "darwin"} or any(os.environ.get(name) for name in _DISPLAYS)
    if has_display and webbrowser.open(page.resolve().as_uri()):
        streams.say(f"opened {page} in the browser")
        return True
    streams.say(f"no display to open it on; the report is {page.resolve()}")
    return False
