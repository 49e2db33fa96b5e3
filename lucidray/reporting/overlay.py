"""The film with its regions drawn on it."""

from PIL import Image, ImageDraw

from lucidray.domain.box import Box
from lucidray.domain.reading import Reading
from lucidray.reporting.colours import BLACK, FINDING_COLOURS, WHITE
from lucidray.reporting.film import (
    draw_tag,
    grey,
    mark_sides,
    readable,
    side_plates,
    tag_size,
    text_size_px,
    write_below,
)
from lucidray.reporting.labels import load_labels
from lucidray.reporting.tags import lay_out
from lucidray.reporting.words import percent, plain, shown_first, side_marks


def draw(reading: Reading) -> Image.Image:
    """Draw the film with the boxes of its findings, their names, and the patient's sides.

    Boxes of present findings; of uncertain ones only where nothing is present: a film full of boxes shows none. A
    reader's own boxes are white, and their names say whose they are.

    Parameters
    ----------
    reading : Reading
        With its film; the one that was looked at is drawn, after corrections.

    Returns
    -------
    RGB picture
        Of the film's own size, so that boxes keep their place; a film smaller than 640 pixels is enlarged by a whole
        factor. A refused film has no box and no sides, and says that it was not read.

    Raises
    ------
    UsageError
        The reading was loaded from JSON, which holds no pixels.
    """
    film = reading.evidence.film
    picture = readable(grey(film)).convert("RGB")
    factor = picture.width / film.width_px
    bounds = Box(0, 0, picture.width, picture.height)
    size_px = text_size_px(picture)
    pen = ImageDraw.Draw(picture)

    named = []
    for finding in shown_first(reading.findings):
        # A box alone looks certain: its tag says how probable the finding is.
        text = finding.label if finding.probability is None else f"{finding.label} {percent(finding.probability)}"
        for region in finding.regions:
            box = film.from_stored(Box(*region.box_xyxy_px)).scaled(factor, factor).clipped(bounds)
            if box is not None:
                named.append((box, text, FINDING_COLOURS[finding.label]))
    labels = load_labels(reading.report.language)
    for number, pointed in enumerate(reading.reader_regions, start=1):
        box = film.from_stored(Box(*pointed.box_xyxy_px)).scaled(factor, factor).clipped(bounds)
        if box is not None:
            name = plain(pointed.name) or labels.say("reader_unnamed", number=number)
            named.append((box, labels.say("reader_tag", name=name), WHITE))
    for box, _, colour in named:
        _frame(pen, box, colour, max(2, size_px // 6))
    sizes = [tag_size(text, size_px) for _, text, _ in named]
    taken = side_plates(picture) if side_marks(reading) else ()
    plates = lay_out([box for box, _, _ in named], sizes, bounds, taken)
    for (_, text, colour), plate in zip(named, plates, strict=True):
        draw_tag(pen, text, plate, size_px, colour)

    mark_sides(picture, reading)
    lines = [reading.notice]
    if not reading.accepted:
        lines.insert(0, "NOT READ: " + ", ".join(note.code.replace("_", " ") for note in reading.refusal))
    write_below(picture, lines)
    return picture


def _frame(pen: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int], width_px: int) -> None:
    """Draw a frame inside a box, between two thin black ones: it shows on white bone and on black air."""
    x0, y0, x1, y1 = round(box.x0), round(box.y0), round(box.x1) - 1, round(box.y1) - 1
    _rectangle(pen, (x0 - 1, y0 - 1, x1 + 1, y1 + 1), BLACK, 1)
    _rectangle(pen, (x0 + width_px, y0 + width_px, x1 - width_px, y1 - width_px), BLACK, 1)
    _rectangle(pen, (x0, y0, x1, y1), colour, width_px)


def _rectangle(
    pen: ImageDraw.ImageDraw, corners: tuple[int, int, int, int], colour: tuple[int, int, int], width_px: int
) -> None:
    if corners[2] >= corners[0] and corners[3] >= corners[1]:
        pen.rectangle(corners, outline=colour, width=width_px)
