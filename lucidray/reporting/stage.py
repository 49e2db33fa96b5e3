"""The film on the page: its picture, and what lies over it."""

import base64
import unicodedata
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from lucidray.domain.anatomy import Anatomy, Organ
from lucidray.domain.box import Box
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Finding, ReaderRegion, Reading, Region
from lucidray.reporting import words
from lucidray.reporting.colours import FINDING_COLOURS
from lucidray.reporting.film import fitted
from lucidray.reporting.labels import load_labels
from lucidray.reporting.outlines import outlines
from lucidray.reporting.page_words import load_words
from lucidray.reporting.tags import lay_out

FILM_SIDE_PX = 1400
# A third more as base64: the page stays under 700 kB.
MAX_FILM_BYTES = 400_000
_JPEG_QUALITIES = (90, 82, 72, 60, 45)
# Tags are laid out for a film this wide on screen, with letters of about 13 px.
SHOWN_WIDE_PX = 620
_TAG_HIGH_PX, _TAG_LETTER_PX, _TAG_EDGE_PX, _TAG_LIFT_PX = 24.0, 7.4, 18.0, 5.0
_SIDE_MARK_PX = 44.0
_MAX_NAME_CHARACTERS = 28
_ORGANS_SHOWN: tuple[Organ, ...] = ("right_lung", "left_lung", "heart")


@dataclass(frozen=True)
class PlacedRegion:
    """A region on the page.

    Attributes
    ----------
    region, finding
        What it is.
    at : Box
        In pixels of the film as shown.
    tag : Box
        Where its name goes, on a film `SHOWN_WIDE_PX` wide.
    text : str
        Its name, with the finding's probability.
    """

    region: Region
    finding: Finding
    at: Box
    tag: Box
    text: str


@dataclass(frozen=True)
class PointedRegion:
    """A place on the page that the reader points at.

    Attributes
    ----------
    region
        What it is.
    at : Box
        In pixels of the film as shown.
    tag : Box
        Where its name goes, on a film `SHOWN_WIDE_PX` wide.
    text : str
        What the reader calls it, marked as the reader's.
    """

    region: ReaderRegion
    at: Box
    tag: Box
    text: str


@dataclass(frozen=True)
class Stage:
    """The film and its layers, for the page's template.

    Attributes
    ----------
    href : str
        The picture as a data address; its longer side is at most `FILM_SIDE_PX`.
    size_px : (width, height)
        Of that picture.
    film_px : (width, height)
        Of the film, in whose pixels regions, organs and lines are given.
    organs : list of (organ, path)
        Outlines as SVG paths.
    ratio_lines : list of Box
        The widths of heart and thorax; none where they were not measured.
    ratio_text : str
        What is written beside them.
    style : str
        CSS rules that hold for this film alone. They are rules since the page's policy forbids styles on elements.
    """

    href: str
    size_px: tuple[int, int]
    film_px: tuple[int, int]
    regions: list[PlacedRegion]
    pointed: list[PointedRegion]
    organs: list[tuple[Organ, str]]
    ratio_lines: list[Box]
    ratio_text: str
    style: str


def set_up(reading: Reading) -> Stage:
    """Set up the film of a reading; a refused one is shown without any layer.

    Raises
    ------
    UsageError
        The reading was loaded from JSON, which holds no pixels.
    """
    film, anatomy, language = reading.evidence.film, reading.evidence.anatomy, reading.report.language
    ratio = next((one for one in reading.measurements if one.id == CARDIOTHORACIC_RATIO_ID), None)
    ratio_text, lines = "", []
    if ratio is not None and ratio.value is not None:
        ratio_text = load_words(language).say("ratio_tag", value=words.value(ratio, language))
        lines = [film.from_stored(Box(*line)) for line in ratio.lines_xyxy_px]
    ratio_tag = _under(lines[-1], ratio_text, film) if lines else None
    regions, pointed = _placed(reading, film, [] if ratio_tag is None else [ratio_tag])
    picture = fitted(film, FILM_SIDE_PX)
    return Stage(
        href="data:image/jpeg;base64," + base64.b64encode(_jpeg(picture)).decode(),
        size_px=picture.size,
        film_px=(film.width_px, film.height_px),
        regions=regions,
        pointed=pointed,
        organs=_organ_paths(anatomy, film) if reading.accepted and anatomy is not None else [],
        ratio_lines=lines,
        ratio_text=ratio_text,
        style=_rules(film, regions, pointed, ratio_tag),
    )


def _placed(reading: Reading, film: Radiograph, taken: list[Box]) -> tuple[list[PlacedRegion], list[PointedRegion]]:
    bounds, language = Box(0, 0, film.width_px, film.height_px), reading.report.language
    found: list[tuple[Region, Finding, Box, str]] = []
    for finding in words.ranked(reading.findings):
        # A box alone looks certain: its tag says how probable the finding is.
        name = words.finding(finding.label, language)
        text = name if finding.probability is None else f"{name} {words.percent(finding.probability, language)}"
        for region in finding.regions:
            box = film.from_stored(Box(*region.box_xyxy_px))
            found.append((region, finding, box.clipped(bounds) or box, text))
    labels = load_labels(reading.report.language)
    said: list[tuple[ReaderRegion, Box, str]] = []
    for number, pointed in enumerate(reading.reader_regions, start=1):
        box = film.from_stored(Box(*pointed.box_xyxy_px))
        name = words.plain(pointed.name) or labels.say("reader_unnamed", number=number)
        said.append((pointed, box.clipped(bounds) or box, labels.say("reader_tag", name=_short(name))))
    factor = SHOWN_WIDE_PX / film.width_px
    shown = bounds.scaled(factor, factor)
    corners = [Box(0, 0, _SIDE_MARK_PX, _SIDE_MARK_PX), Box(shown.x1 - _SIDE_MARK_PX, 0, shown.x1, _SIDE_MARK_PX)]
    texts = [*(text for *_, text in found), *(text for *_, text in said)]
    boxes = [*(box for _, _, box, _ in found), *(box for _, box, _ in said)]
    scaled = [box.scaled(factor, factor) for box in boxes]
    tags = lay_out(scaled, [_tag_size(text) for text in texts], shown, [*corners, *taken])
    return (
        [PlacedRegion(*one[:3], tag, one[3]) for one, tag in zip(found, tags[: len(found)], strict=True)],
        [PointedRegion(*one[:2], tag, one[2]) for one, tag in zip(said, tags[len(found) :], strict=True)],
    )


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME_CHARACTERS else name[: _MAX_NAME_CHARACTERS - 1] + "…"


def _tag_size(text: str) -> tuple[float, float]:
    # Chinese characters are as wide as two letters; marks and isolates take no place.
    letters = sum(
        0 if unicodedata.category(char) in {"Cf", "Mn"} else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
    return _TAG_EDGE_PX + _TAG_LETTER_PX * letters, _TAG_HIGH_PX


def _under(line: Box, text: str, film: Radiograph) -> Box:
    """Return where a text goes under the middle of a line, on the film as shown."""
    factor = SHOWN_WIDE_PX / film.width_px
    width, height = _tag_size(text)
    x0, y0 = factor * (line.x0 + line.x1) / 2 - width / 2, factor * line.y1 + _TAG_LIFT_PX
    return Box(x0, y0, x0 + width, y0 + height)


def _rules(film: Radiograph, regions: list[PlacedRegion], pointed: list[PointedRegion], ratio_tag: Box | None) -> str:
    aspect = film.width_px / film.height_px
    rules = [
        f".film {{ width: min(100%, {76 * aspect:.1f}vh); }}",
        f".top.enlarged .film {{ width: min(100%, {150 * aspect:.1f}vh); }}",
        f"@media screen and (max-width: 60rem) {{ .film {{ width: min(100%, {92 * aspect:.1f}vh); }} }}",
        f"@media print {{ .film {{ width: min(100%, {120 * aspect:.0f}mm); }} }}",
    ]
    for number, placed in enumerate(regions):
        colour = FINDING_COLOURS[placed.finding.label]
        paint = f"background: {colour.hex}; color: {colour.ink.hex};"
        rules.append(f".tag-{number} {{ {_corner(placed.tag, aspect)} {paint} }}")
    rules += [f".tag-reader-{number} {{ {_corner(one.tag, aspect)} }}" for number, one in enumerate(pointed)]
    if ratio_tag is not None:
        rules.append(f".tag-ratio {{ {_corner(ratio_tag, aspect)} }}")
    return "\n" + "\n".join(rules) + "\n"


def _corner(tag: Box, aspect: float) -> str:
    left, top = 100 * tag.x0 / SHOWN_WIDE_PX, 100 * tag.y0 * aspect / SHOWN_WIDE_PX
    return f"left: {left:.2f}%; top: {top:.2f}%;"


def _organ_paths(anatomy: Anatomy, film: Radiograph) -> list[tuple[Organ, str]]:
    size = np.array([film.width_px, film.height_px])
    paths = []
    for organ in _ORGANS_SHOWN:
        rings = [np.rint(ring * size).astype(int).tolist() for ring in outlines(anatomy.mask(organ))]
        if rings:
            paths.append((organ, "".join("M" + "L".join(f"{x} {y}" for x, y in ring) + "Z" for ring in rings)))
    return paths


def _jpeg(picture: Image.Image) -> bytes:
    """Compress a picture as little as `MAX_FILM_BYTES` allows; a film of pure noise may end up larger."""
    for quality in _JPEG_QUALITIES:
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality)
        if file.tell() <= MAX_FILM_BYTES:
            break
    return file.getvalue()
