"""The reading as one web page that needs nothing else: no network, no other file, no JavaScript to be complete."""

import base64
import hashlib
import math
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from lucidray.domain.anatomy import Anatomy, Organ
from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import (
    CARDIOTHORACIC_RATIO_ID,
    OVERALL_ID,
    SYMPTOMS_ID,
    Finding,
    Measurement,
    Overall,
    Reading,
    Region,
)
from lucidray.domain.vocabulary import Label
from lucidray.reporting import words
from lucidray.reporting.colours import FINDING_COLOURS, heat_table
from lucidray.reporting.film import fitted
from lucidray.reporting.heatmaps import layer_png
from lucidray.reporting.outlines import Line, cardiothoracic_lines, outlines
from lucidray.reporting.tags import lay_out

FILM_SIDE_PX = 1400
# A third more as base64: the page stays under 700 kB.
MAX_FILM_BYTES = 400_000
_JPEG_QUALITIES = (90, 82, 72, 60, 45)
# Tags are laid out for a film this wide on screen, with letters of about 13 px.
_SHOWN_WIDE_PX = 620
_TAG_HIGH_PX, _TAG_LETTER_PX, _TAG_EDGE_PX = 24.0, 7.4, 18.0
_SIDE_MARK_PX = 44.0
_CHART_X0, _CHART_WIDE = 4.0, 200.0
_CHART_TICKS = (0.0, 0.01, 0.1, 0.25, 0.5, 1.0)
_ORGANS_SHOWN: tuple[Organ, ...] = ("right_lung", "left_lung", "heart")


def render(reading: Reading) -> str:
    """Write the reading as an HTML page.

    Parameters
    ----------
    reading : Reading
        With its film.

    Returns
    -------
    str
        A whole page. What strangers wrote (file name, symptoms, DICOM text) is shown as text; the page's own policy
        forbids every address, and every script and style but its own.

    Raises
    ------
    UsageError
        The reading was loaded from JSON, which holds no pixels.
    """
    film = reading.evidence.film
    boxes = _boxes(reading, film)
    ratio = next((one for one in reading.measurements if one.id == CARDIOTHORACIC_RATIO_ID), None)
    ratio_lines = _ratio_lines(ratio, reading.evidence.anatomy, film)
    template = _environment().get_template("report.html")
    style = _source("report.css") + _layout_style(film, boxes, ratio_lines)
    script = _source("report.js")
    return template.render(
        reading=reading,
        name=words.plain(reading.image.name),
        # Both are our own files and numbers: nobody else's text is in them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
        facts=words.facts(reading.image),
        child=words.child(reading.image),
        mirrored=_with_ids([note for note in reading.warnings if note.code == words.MIRRORED], "warning"),
        warnings=_with_ids([note for note in reading.warnings if note.code != words.MIRRORED], "warning"),
        refusal=_with_ids(reading.refusal, "refusal"),
        next_steps=_next_steps(reading.refusal),
        side_marks=words.side_marks(reading),
        film=_embedded(film),
        boxes=boxes,
        located=[finding for finding in words.ranked(reading.findings) if finding.regions],
        heats=_heats(reading),
        heat_stops=_heat_stops(),
        organs=_organs(reading, film),
        ratio=ratio,
        ratio_lines=ratio_lines,
        sections=words.sections(reading.report),
        ranked=words.ranked(reading.findings),
        ticks=[{"x": _along(share), "told": f"{100 * share:.0f}"} for share in _CHART_TICKS],
        prevalences=words.prevalences(reading),
        evidence_words=_evidence_words(reading),
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lucidray.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "lines": words.plain_lines,
        "percent": words.percent,
        "interval": lambda ends: words.interval(*ends),
        "measure": words.measure,
        "place": words.place,
        "size": words.size,
        "value": words.value,
        "direction": words.direction,
        "positions": _positions,
    }
    environment.globals |= {
        "colours": FINDING_COLOURS,
        "status_words": words.STATUS_WORDS,
        "verdict_words": words.VERDICT_WORDS,
    }
    return environment


@cache
def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None  # noqa: S101 - it was given above
    return loader.get_source(_environment(), name)[0]


def _policy(style: str, script: str) -> str:
    """Return a content security policy under which the page can load and run nothing but what it carries."""
    style_hash, script_hash = (
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src {style_hash}; script-src {script_hash};"
        " base-uri 'none'; form-action 'none'"
    )


@dataclass(frozen=True)
class _Box:
    """A region on the film: `at` in pixels of the film as shown, `tag` in shares of it."""

    id: str
    finding: Finding
    at: Box
    tag: tuple[float, float]
    text: str
    place: str


def _boxes(reading: Reading, film: Radiograph) -> list[_Box]:
    bounds = Box(0, 0, film.width_px, film.height_px)
    found: list[tuple[Finding, Region, Box, str]] = []
    for finding in words.ranked(reading.findings):
        text = finding.label if finding.probability is None else f"{finding.label} {words.percent(finding.probability)}"
        for region in finding.regions:
            box = film.from_stored(Box(*region.box_xyxy_px))
            found.append((finding, region, box.clipped(bounds) or box, text))
    shown = _SHOWN_WIDE_PX / film.width_px
    stage = bounds.scaled(shown, shown)
    sizes = [(_TAG_EDGE_PX + _TAG_LETTER_PX * len(text), _TAG_HIGH_PX) for _, _, _, text in found]
    corners = [Box(0, 0, _SIDE_MARK_PX, _SIDE_MARK_PX), Box(stage.x1 - _SIDE_MARK_PX, 0, stage.x1, _SIDE_MARK_PX)]
    tags = lay_out([box.scaled(shown, shown) for _, _, box, _ in found], sizes, stage, corners)
    return [
        _Box(region.id, finding, box, (tag.x0 / stage.x1, tag.y0 / stage.y1), text, words.place(region))
        for (finding, region, box, text), tag in zip(found, tags, strict=True)
    ]


def _layout_style(film: Radiograph, boxes: list[_Box], ratio_lines: list[Line]) -> str:
    """Return the rules that hold for this page alone; as rules, since the policy forbids styles on elements."""
    aspect = film.width_px / film.height_px
    rules = [
        f".film {{ width: min(100%, {76 * aspect:.1f}vh); }}",
        f".top.enlarged .film {{ width: min(100%, {150 * aspect:.1f}vh); }}",
        f"@media screen and (max-width: 60rem) {{ .film {{ width: min(100%, {92 * aspect:.1f}vh); }} }}",
        f"@media print {{ .film {{ width: min(100%, {120 * aspect:.0f}mm); }} }}",
    ]
    for number, box in enumerate(boxes):
        colour = FINDING_COLOURS[box.finding.label]
        rules.append(
            f".tag-{number} {{ left: {100 * box.tag[0]:.2f}%; top: {100 * box.tag[1]:.2f}%;"
            f" background: {colour.hex}; color: {colour.ink.hex}; }}"
        )
    if ratio_lines:
        line = ratio_lines[-1]
        rules.append(
            f".tag-ratio {{ left: {50 * (line.x0 + line.x1) / film.width_px:.2f}%;"
            f" top: {100 * line.y / film.height_px:.2f}%; transform: translate(-50%, 4px); }}"
        )
    return "\n" + "\n".join(rules) + "\n"


def _embedded(film: Radiograph) -> dict[str, Any]:
    """Return the film as a JPEG data address, with its size."""
    picture = fitted(film, FILM_SIDE_PX)
    for quality in _JPEG_QUALITIES:
        data = _jpeg(picture, quality)
        if len(data) <= MAX_FILM_BYTES:
            break
    return {
        "href": "data:image/jpeg;base64," + base64.b64encode(data).decode(),
        "width": picture.width,
        "height": picture.height,
        "pixels_wide": film.width_px,
        "pixels_high": film.height_px,
    }


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _heats(reading: Reading) -> list[dict[str, Any]]:
    """List the heatmaps, of present and uncertain findings first."""
    heatmaps: dict[Label, Heatmap] = reading.evidence.heatmaps
    return [
        {
            "id": "heat-" + finding.id.removeprefix("finding-"),
            "label": finding.label,
            "told": words.STATUS_WORDS[finding.status],
            "cut": heatmaps[finding.label].cut,
            "href": "data:image/png;base64," + base64.b64encode(layer_png(heatmaps[finding.label])).decode(),
        }
        for finding in words.ranked(reading.findings)
        if finding.label in heatmaps
    ]


def _heat_stops() -> list[dict[str, Any]]:
    table = heat_table()
    return [
        {"at": round(level / 255, 3), "colour": "#{:02x}{:02x}{:02x}".format(*table[level].tolist())}
        for level in range(0, 256, 15)
    ]


def _organs(reading: Reading, film: Radiograph) -> list[dict[str, str]]:
    anatomy = reading.evidence.anatomy
    if anatomy is None or not reading.accepted:
        return []
    size = np.array([film.width_px, film.height_px])
    shown = []
    for organ in _ORGANS_SHOWN:
        rings = [np.rint(ring * size).astype(int).tolist() for ring in outlines(anatomy.mask(organ))]
        path = "".join("M" + "L".join(f"{x} {y}" for x, y in ring) + "Z" for ring in rings)
        if path:
            shown.append({"kind": "heart" if organ == "heart" else "lung", "path": path})
    return shown


def _ratio_lines(ratio: Measurement | None, anatomy: Anatomy | None, film: Radiograph) -> list[Line]:
    if ratio is None or ratio.value is None or anatomy is None:
        return []
    return cardiothoracic_lines(anatomy, ratio.value, film.width_px, film.height_px)


def _along(share: float) -> float:
    """Return where a probability is on the charts' scale, which grows with its root: 1 % and 2 % can be told apart."""
    return round(_CHART_X0 + _CHART_WIDE * math.sqrt(share), 1)


def _positions(score: Finding | Overall) -> dict[str, Any]:
    assert score.probability is not None  # noqa: S101 - charts are drawn of supported findings only
    return {
        "bar": round(_along(score.probability) - _CHART_X0, 1),
        "interval": None if score.interval is None else [_along(end) for end in score.interval],
        "threshold": None if score.threshold is None else _along(score.threshold),
    }


def _with_ids(notes: list[Note], kind: str) -> list[tuple[Note, str | None]]:
    """Pair notes with the ids that evidence names them by; of two notes with one code, the first has it."""
    seen: set[str] = set()
    paired: list[tuple[Note, str | None]] = []
    for note in notes:
        paired.append((note, None if note.code in seen else f"{kind}-{note.code}"))
        seen.add(note.code)
    return paired


def _next_steps(refusal: list[Note]) -> list[str]:
    """Say what a person can do about a refused film."""
    codes = {note.code for note in refusal}
    steps = []
    if any(code.startswith("turned") for code in codes) or "inverted" in codes:
        steps.append(
            "Read it again with --fix-orientation, which sets the film right and says so, or set it right where it came from."
        )
    return [
        *steps,
        "Read the original file, best the DICOM file: not a screenshot, a photograph or a page with several films.",
        "Only whole frontal chest films are read: PA or AP, upright, bright bones on dark air.",
        "If this is such a film, the refusal is wrong: have the film read by a person. Nothing forces a reading.",
    ]


def _evidence_words(reading: Reading) -> dict[str, str]:
    """Name everything that a sentence may rest on."""
    named: dict[str, str] = {SYMPTOMS_ID: "symptoms", OVERALL_ID: "anything abnormal"}
    for finding in reading.findings:
        told = words.STATUS_WORDS["unsupported"] if finding.probability is None else words.percent(finding.probability)
        named[finding.id] = f"{finding.label} {told}"
        for region in finding.regions:
            named[region.id] = f"{finding.label}, {words.place(region)}"
    for measurement in reading.measurements:
        named[measurement.id] = f"{words.measure(measurement)} {words.value(measurement)}"
    named |= {f"refusal-{note.code}": "reason" for note in reading.refusal}
    named |= {f"warning-{note.code}": "warning" for note in reading.warnings}
    return named
