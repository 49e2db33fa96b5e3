"""The film as a picture, with the marks that every picture of it carries."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lucidray.domain.box import Box
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Reading
from lucidray.reporting.colours import BLACK, WHITE, Colour
from lucidray.reporting.words import side_marks

# Below this a box's name would cover the film that it names: small films are enlarged by a whole factor.
READABLE_SIDE_PX = 640


def grey(film: Radiograph) -> Image.Image:
    """Return the film as an 8-bit grey picture of its own size."""
    return Image.fromarray(np.rint(np.clip(film.pixels, 0, 1) * np.float32(255)).astype(np.uint8))


def fitted(film: Radiograph, longest_px: int) -> Image.Image:
    """Return the film as an 8-bit grey picture whose longer side is at most `longest_px`."""
    picture = grey(film)
    factor = longest_px / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.BOX if factor < 0.25 else Image.Resampling.BILINEAR, reducing_gap=2.0)


def readable(picture: Image.Image) -> Image.Image:
    """Enlarge a picture by the smallest whole factor that leaves room for writing on it; large ones stay."""
    factor = -(-READABLE_SIDE_PX // max(picture.size))
    if factor <= 1:
        return picture
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)


def text_size_px(picture: Image.Image) -> int:
    """Return a height of letters that can be read when the whole picture is looked at."""
    return max(12, round(max(picture.size) / 52))


@cache
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load Pillow's own font: no font of the machine is needed, and pictures look alike everywhere."""
    return ImageFont.load_default(size_px)


def tag_size(text: str, size_px: int) -> tuple[float, float]:
    """Return (width, height) of a text on a plate."""
    return font(size_px).getlength(text) + 0.8 * size_px, 1.5 * size_px


def draw_tag(pen: ImageDraw.ImageDraw, text: str, plate: Box, size_px: int, colour: Colour) -> None:
    """Write a text on a plate of a colour, in black or white."""
    pen.rectangle(plate, fill=colour, outline=BLACK)
    centre = (plate.x0 + plate.width / 2, plate.y0 + plate.height / 2)
    pen.text(centre, text, fill=colour.ink, font=font(size_px), anchor="mm")


def side_plates(picture: Image.Image) -> tuple[Box, Box]:
    """Return where the side marks go: in the upper corners."""
    size_px = text_size_px(picture)
    width, height, margin = 2.2 * size_px, 1.8 * size_px, 0.6 * size_px
    right_edge = picture.width - margin
    lower_edge = margin + height
    return Box(margin, margin, margin + width, lower_edge), Box(right_edge - width, margin, right_edge, lower_edge)


def mark_sides(picture: Image.Image, reading: Reading) -> None:
    """Write the patient's sides into the upper corners of an RGB picture, where they are known."""
    marks = side_marks(reading)
    if marks is None:
        return
    pen = ImageDraw.Draw(picture)
    for text, plate in zip(marks, side_plates(picture), strict=True):
        draw_tag(pen, text, plate, round(1.2 * text_size_px(picture)), WHITE)


def write_below(picture: Image.Image, lines: list[str]) -> None:
    """Write lines along the lower edge of an RGB picture, white on a dark strip, smaller where they are too long."""
    size_px = text_size_px(picture)
    longest = max(font(size_px).getlength(line) for line in lines)
    size_px = max(6, int(size_px * min(1.0, 0.96 * picture.width / longest)))
    height = round(1.4 * size_px * len(lines) + 0.4 * size_px)
    corner = (0, max(0, picture.height - height))
    strip = picture.crop((*corner, *picture.size)).point([value // 4 for value in range(256)] * 3)
    picture.paste(strip, corner)
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        middle = corner[1] + (0.9 + 1.4 * number) * size_px
        pen.text((picture.width / 2, middle), line, fill=WHITE, font=font(size_px), anchor="mm")
