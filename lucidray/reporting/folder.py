"""A reading as a folder of files, which is there whole or not at all."""

import errno
import os
import re
import secrets
import shutil
import unicodedata
from itertools import count
from pathlib import Path

from lucidray.domain.errors import OutputError
from lucidray.domain.reading import Reading
from lucidray.reporting import heatmaps, html, overlay

MAX_STEM_CHARACTERS = 80
# File systems cap a name at 255 bytes; some letters take four, and a suffix must fit.
_MAX_STEM_BYTES = 200
_NAMELESS = "film"
_PNG_LEVEL = 3  # films are noise to PNG: the default level takes four times as long for 7 % less
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_WINDOWS_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?")
_IN_THE_WAY = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}


def write(reading: Reading, out: Path, stem: str) -> Path:
    """Write a reading as ``out/stem/``: `reading.json`, `report.html`, `overlay.png`, `heatmaps/*.png`.

    All is written to a hidden folder beside the final one, which then takes its name in one step: another program never
    sees half a reading. Where the name is taken, by this or another process, ``-2``, ``-3`` and so on is added.

    Parameters
    ----------
    reading : Reading
        With its film; a refused one has no heatmaps.
    out : Path
        Made where it is missing.
    stem : str
        Wanted name, for example the film's file name without its suffix; see `safe_stem`.

    Returns
    -------
    Path
        The folder that was written.

    Raises
    ------
    OutputError
        No permission, no space, a file where a folder should be; nothing is left behind.
    UsageError
        The reading was loaded from JSON, which holds no pixels.
    """
    hidden = out / f".lucidray-{secrets.token_hex(8)}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        try:
            hidden.mkdir()
            _fill(hidden, reading)
            return _named(hidden, out, safe_stem(stem))
        except BaseException:
            shutil.rmtree(hidden, ignore_errors=True)
            raise
    except OSError as error:
        raise OutputError(f"cannot write the reading to {out}: {error.strerror or error}") from error


def safe_stem(text: str) -> str:
    """Turn any text into a folder name that is safe on Linux, macOS and Windows.

    Composed as Unicode NFC; separators and characters that a file system forbids become ``_``, control characters go;
    no dot, blank or hyphen at the start, no dot or blank at the end; no device name of Windows; at most 80 characters.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(char for char in composed if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    name = _FORBIDDEN.sub("_", kept)[:MAX_STEM_CHARACTERS]
    name = name.encode()[:_MAX_STEM_BYTES].decode(errors="ignore").strip(" .").lstrip("-. ")
    if _WINDOWS_DEVICES.fullmatch(name):
        name = "_" + name
    return name or _NAMELESS


def _fill(folder: Path, reading: Reading) -> None:
    (folder / "reading.json").write_text(reading.model_dump_json(indent=2) + "\n", encoding="utf-8", newline="\n")
    (folder / "report.html").write_text(html.render(reading), encoding="utf-8", newline="\n")
    overlay.draw(reading).save(folder / "overlay.png", compress_level=_PNG_LEVEL)
    if reading.evidence.heatmaps:
        (folder / "heatmaps").mkdir()
    for label, picture in heatmaps.render_all(reading):
        picture.save(folder / "heatmaps" / f"{label.lower().replace(' ', '-')}.png", compress_level=_PNG_LEVEL)


def _named(hidden: Path, out: Path, stem: str) -> Path:
    """Give the finished folder the first name that is free."""
    for number in count(1):
        target = out / (stem if number == 1 else f"{stem}-{number}")
        if os.path.lexists(target):
            continue
        try:
            hidden.rename(target)
        except OSError as error:
            # Another process took the name since: renaming onto a folder that holds something fails, as it should.
            if error.errno in _IN_THE_WAY or os.path.lexists(target):
                continue
            raise
        return target
    raise AssertionError("there is no last number")
