"""Where on the film a finding's score comes from, as a picture."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lucidray.domain.errors import UsageError
from lucidray.domain.prediction import Heatmap
from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.reporting.colours import BLACK, WHITE, heat_opacity, heat_table
from lucidray.reporting.film import fitted, mark_sides, readable, text_size_px, write_below
from lucidray.reporting.words import percent

PICTURE_SIDE_PX = 640  # heat is coarse, and there are up to 14 pictures a film
_LAYER_SIDE_PX = 192
_LEVELS = np.linspace(0, 255, 64).astype(np.uint8)


def render(reading: Reading, label: Label) -> Image.Image:
    """Lay a finding's heat over the film.

    Heat is on a scale fixed for the finding, not for the film: a film on which nothing speaks for the finding stays
    grey. The white line is where regions begin.

    Parameters
    ----------
    reading : Reading
        With its film.
    label : Label
        The finding, which needs a heatmap.

    Returns
    -------
    RGB picture
        The whole film, its longer side at most 640 pixels.

    Raises
    ------
    UsageError
        There is no heatmap of this finding, or the reading was loaded from JSON, which holds no pixels.
    """
    if label not in reading.evidence.heatmaps:
        raise UsageError(f"this reading has no heatmap of {label}")
    return _laid_over(_ground(reading), reading, label)


def render_all(reading: Reading) -> Iterator[tuple[Label, Image.Image]]:
    """Yield every finding that has a heatmap with its picture, as `render` draws it."""
    ground = _ground(reading)
    for label in LABELS:
        if label in reading.evidence.heatmaps:
            yield label, _laid_over(ground.copy(), reading, label)


def _ground(reading: Reading) -> Image.Image:
    return readable(fitted(reading.evidence.film, PICTURE_SIDE_PX)).convert("RGB")


def _laid_over(picture: Image.Image, reading: Reading, label: Label) -> Image.Image:
    heatmap = reading.evidence.heatmaps[label]
    values = enlarged(heatmap, picture.size)
    levels = _levels(values)
    heat = Image.fromarray(heat_table()[levels])
    picture.paste(heat, mask=Image.fromarray(np.rint(255 * heat_opacity()).astype(np.uint8)[levels]))
    hot, line_px = values >= heatmap.cut, max(1, text_size_px(picture) // 8)
    picture.paste(BLACK, mask=Image.fromarray(_border(hot, 2 * line_px)))
    picture.paste(WHITE, mask=Image.fromarray(_border(hot, line_px)))
    mark_sides(picture, reading)
    finding = next((one for one in reading.findings if one.label == label), None)
    probability = "" if finding is None or finding.probability is None else f" {percent(finding.probability)}"
    write_below(picture, [f"{label}{probability}: heat, none to most; line: where regions begin", reading.notice])
    _scale(picture, heatmap.cut)
    return picture


def layer_png(heatmap: Heatmap) -> bytes:
    """Return heat as a small see-through PNG to be stretched over the film.

    One byte a pixel, which is the heat; colour and opacity are the picture's palette: 11 of these fit into a page.
    """
    height, width = heatmap.values.shape
    factor = max(1.0, _LAYER_SIDE_PX / max(height, width))
    levels = _levels(enlarged(heatmap, (round(width * factor), round(height * factor))))
    picture = Image.fromarray(levels).convert("P")
    picture.putpalette(heat_table().tobytes())
    file = BytesIO()
    opacity = np.rint(255 * heat_opacity()).astype(np.uint8).tobytes()
    picture.save(file, "PNG", transparency=opacity, compress_level=9)
    return file.getvalue()


def enlarged(heatmap: Heatmap, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Stretch heat smoothly to (width, height) pixels, as (height, width) float32 in [0, 1]."""
    image = Image.fromarray(np.ascontiguousarray(heatmap.values, dtype=np.float32))
    values = np.asarray(image.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    return np.clip(values, 0.0, 1.0)


def _levels(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    # 64 levels: no step can be seen, and the files are a third as large.
    return _LEVELS[(values * np.float32(len(_LEVELS) - 1) + np.float32(0.5)).astype(np.uint8)]


def _border(mask: npt.NDArray[np.bool_], width_px: int) -> npt.NDArray[np.uint8]:
    """Return 255 where the mask's inner border runs, 0 elsewhere."""
    inner = mask.copy()
    for _ in range(width_px):
        core = inner.copy()
        core[1:] &= inner[:-1]
        core[:-1] &= inner[1:]
        core[:, 1:] &= inner[:, :-1]
        core[:, :-1] &= inner[:, 1:]
        inner = core
    return np.where(mask & ~inner, 255, 0).astype(np.uint8)


def _scale(picture: Image.Image, cut: float) -> None:
    """Draw the colour scale between the side marks, with a white tick at the cut."""
    size_px = text_size_px(picture)
    width, height = picture.width // 4, max(6, size_px // 2)
    x0, y0 = (picture.width - width) // 2, size_px
    bar = Image.fromarray(heat_table()[None]).resize((width, height))
    picture.paste(bar, (x0, y0))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((x0 - 1, y0 - 1, x0 + width, y0 + height), outline=BLACK)
    at = x0 + round(cut * (width - 1))
    pen.rectangle((at - 1, y0 - height // 2, at + 1, y0 + height + height // 2), fill=WHITE, outline=BLACK)
