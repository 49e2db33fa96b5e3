"""The pictures of a stored reading, drawn again from its film and its packed evidence."""

import re
from collections import OrderedDict
from html import unescape
from io import BytesIO
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from lucidray.domain.anatomy import ORGANS
from lucidray.domain.box import Box
from lucidray.domain.errors import ConflictError, NotFoundError, UsageError
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Reading
from lucidray.domain.vocabulary import LABELS, Label, finding_id
from lucidray.imaging.film import read_film, read_grey_values
from lucidray.imaging.limits import Limits
from lucidray.imaging.values import GreyValues
from lucidray.imaging.voi import apply_voi_window
from lucidray.pipeline import attach
from lucidray.reporting import heatmaps, html, overlay, upscaled
from lucidray.reporting.outlines import outlines
from lucidray.store.evidence import unpack
from lucidray.store.readings import Readings

_KEPT = 4
_PNG_LEVEL = 3  # films are noise to PNG: the default level takes four times as long for 7 % less
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')


class Pictures:
    """Draws what belongs to stored readings; the last few films stay in memory.

    Parameters
    ----------
    readings : Readings
    limits : Limits
        Of one film.
    """

    def __init__(self, readings: Readings, limits: Limits) -> None:
        self._readings, self._limits = readings, limits
        self._kept: OrderedDict[str, Reading] = OrderedDict()
        self._lock = Lock()

    def reading(self, reading_id: str) -> Reading:
        """Return a reading with its film and evidence.

        Raises
        ------
        NotFoundError, ConflictError
            There is none, or not yet.
        InputError
            The stored film is missing or damaged.
        """
        # Asked every time, so that what was deleted is gone.
        found = self._readings.get(reading_id)
        with self._lock:
            if reading_id in self._kept:
                self._kept.move_to_end(reading_id)
                return self._kept[reading_id]
        reading, packed = self._readings.document(reading_id)
        film = read_film(self._readings.films.read(found.film), limits=self._limits, name=reading.image.name)
        attach(reading, unpack(packed, film, reading))
        with self._lock:
            self._kept[reading_id] = reading
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return reading

    def forget(self, reading_id: str) -> None:
        """Drop a reading from memory."""
        with self._lock:
            self._kept.pop(reading_id, None)

    def report(self, reading_id: str) -> tuple[str, str]:
        """Return the report as a page, and the policy under which it may be shown.

        The page is sandboxed: its own script runs, named by its hash, but with no origin, so that it can reach neither
        this service nor what a browser keeps for it.
        """
        page = html.render(self.reading(reading_id))
        own = _POLICY.search(page)
        if own is None:
            raise ConflictError("the report's page carries no policy and is not shown")
        return page, f"{unescape(own[1])}; sandbox allow-scripts allow-modals; frame-ancestors 'self'"

    def overlay(self, reading_id: str) -> bytes:
        """Return the film with its boxes, as PNG."""
        return png(overlay.draw(self.reading(reading_id)))

    def heatmap(self, reading_id: str, slug: str, *, layer: bool) -> bytes:
        """Return where a finding's score comes from, as PNG.

        Parameters
        ----------
        reading_id : str
        slug : str
            The finding's id without ``finding-``.
        layer : bool
            The heat alone, see-through, to be stretched over the stored image; else heat and film.

        Raises
        ------
        NotFoundError
            There is no heatmap of it.
        """
        label = label_of(slug)
        reading = self.reading(reading_id)
        if label not in reading.evidence.heatmaps:
            raise NotFoundError(f"this reading has no heatmap of {label}")
        if not layer:
            return png(heatmaps.render(reading, label))
        picture = Image.open(BytesIO(heatmaps.layer_png(reading.evidence.heatmaps[label])))
        return png(_as_stored(picture.convert("RGBA"), reading))

    def upscaled(self, reading_id: str, which: str) -> bytes:
        """Return an upscaled film as PNG: `before`, `after`, or what was `added` to plain interpolation.

        Raises
        ------
        NotFoundError
            The film was not upscaled.
        """
        return png(upscaled.pictures(self.reading(reading_id))[which])

    def film_png(self, reading_id: str, *, center: float | None, width: float | None, longest_px: int | None) -> bytes:
        """Return the stored film as an 8-bit PNG: with the file's own window, or another one.

        Parameters
        ----------
        reading_id : str
        center, width : float or None
            In the film's values after the modality transform.
        longest_px : int or None
            Of the longer side, at most.
        """
        values = self.values(reading_id)
        codes = np.arange(values.top + 1)
        if center is None and width is None:
            grey = np.interp(codes, np.linspace(0, values.top, len(values.tone)), values.tone)
        elif center is None or width is None:
            raise UsageError("a window has a centre and a width: one alone makes none")
        else:
            grey = apply_voi_window(codes * values.slope + values.intercept, center, width)
            grey = 1 - grey if values.inverted else grey
        table = np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)
        picture = Image.fromarray(table[values.values])
        if longest_px is not None and max(picture.size) > longest_px:
            picture.thumbnail((longest_px, longest_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return png(picture)

    def values(self, reading_id: str) -> GreyValues:
        """Return the values of the film's detector, in the orientation of the stored image."""
        return read_grey_values(self._readings.films.read(self._readings.get(reading_id).film), limits=self._limits)

    def layers(self, reading_id: str) -> dict[str, Any]:
        """Return outlines of lungs, heart and clavicles and the lines of the ratio, in pixels of the stored image."""
        reading = self.reading(reading_id)
        film, anatomy = reading.evidence.film, reading.evidence.anatomy
        organs: dict[str, list[list[tuple[float, float]]]] = {}
        if anatomy is not None and reading.accepted:
            for organ in ORGANS:
                rings = outlines(anatomy.mask(organ))
                organs[organ] = [
                    [_point(x * film.width_px, y * film.height_px, reading) for x, y in ring.tolist()] for ring in rings
                ]
        ratio = next((one for one in reading.measurements if one.id == CARDIOTHORACIC_RATIO_ID), None)
        return {
            "organs": organs,
            "cardiothoracic_lines_xyxy_px": [] if ratio is None else ratio.lines_xyxy_px,
            "heatmaps": [
                finding_id(label).removeprefix("finding-") for label in LABELS if label in reading.evidence.heatmaps
            ],
        }


def label_of(slug: str) -> Label:
    """Return the finding that an address names.

    Raises
    ------
    NotFoundError
        There is none of that name.
    """
    for label in LABELS:
        if finding_id(label) == f"finding-{slug}":
            return label
    raise NotFoundError("there is no finding of that name")


def _point(x: float, y: float, reading: Reading) -> tuple[float, float]:
    at = reading.evidence.film.to_stored(Box(x, y, x, y))
    return round(at.x0, 1), round(at.y0, 1)


def _as_stored(picture: Image.Image, reading: Reading) -> Image.Image:
    turns = reading.evidence.film.quarter_turns
    return picture if not turns else Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(picture), -turns)))


def png(picture: Image.Image) -> bytes:
    """Return a picture as the bytes of a PNG file."""
    file = BytesIO()
    picture.save(file, "PNG", compress_level=_PNG_LEVEL)
    return file.getvalue()
