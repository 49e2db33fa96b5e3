"""What can be measured on a film once its organs are known: the heart against the thorax.

The cardiothoracic ratio is the greatest width of the heart over the greatest inner width of the thorax (Danzer 1919,
Am J Med Sci 157:513). It is a ratio of two horizontal widths, so the masks may be stretched. It is trusted only where
the usual limit of 0.50 holds: an adult's PA film on which heart and lungs are seen whole.
"""

from typing import Literal, NamedTuple

import numpy as np

from lucidray.domain.box import Box
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Measurement
from lucidray.localization.sides import Thorax

HEART_WIDTH_ID = "measurement-heart-width"
THORAX_WIDTH_ID = "measurement-thorax-width"
# In 438 adult films with drawn organs (JSRT and the wingspan set) the ratio lies between 0.35 and 0.84, and the middle
# of the heart between 0.37 and 0.81 of the way from the right border of the thorax to the left.
_PLAUSIBLE_RATIO = (0.30, 0.88)
_PLAUSIBLE_HEART_PLACE = (0.35, 0.82)


class _Widths(NamedTuple):
    """The two lines of the ratio as boxes without height, in pixels of the masks."""

    heart: Box
    thorax: Box


def measure(film: Radiograph, thorax: Thorax | None) -> list[Measurement]:
    """Measure heart and thorax.

    Parameters
    ----------
    film : Radiograph
        As read, corrections applied.
    thorax : Thorax or None
        Of the same film; None where no lung was found.

    Returns
    -------
    list of Measurement
        `cardiothoracic_ratio` (a share, unit "1", two decimals), `heart_width` and `thorax_width` (mm at the detector,
        or pixels of the stored image where the film has no spacing). Without heart or lungs the values are None. Each
        that is not reliable says why. The lines along which they were taken come with them, heart first.
    """
    widths = _widths(thorax) if thorax else None
    if thorax is None or widths is None:
        note = "heart and lungs were not both found"
        unit = "px" if film.pixel_spacing_mm is None else "mm"
        return [
            Measurement(id=name, name=what, value=None, unit=unit_of, reliable=False, note=note)
            for name, what, unit_of in (
                (CARDIOTHORACIC_RATIO_ID, "cardiothoracic_ratio", "1"),
                (HEART_WIDTH_ID, "heart_width", unit),
                (THORAX_WIDTH_ID, "thorax_width", unit),
            )
        ]
    heart_line, thorax_line = (_line(line, thorax, film) for line in widths)
    unclear = _doubts_about_outlines(thorax, widths)
    doubts = [*unclear, *_doubts_about_film(film)]
    trusted = (
        "PA film of an adult" if film.age_years is not None else "PA film; the age is not known, an adult is assumed"
    )
    return [
        Measurement(
            id=CARDIOTHORACIC_RATIO_ID,
            name="cardiothoracic_ratio",
            value=round(widths.heart.width / widths.thorax.width, 2),
            unit="1",
            reliable=not doubts,
            note="; ".join(doubts) or f"{trusted}; heart and both lungs are seen whole",
            lines_xyxy_px=[heart_line, thorax_line],
        ),
        _width("heart", widths.heart.width / thorax.shape[1], film, unclear, heart_line),
        _width("thorax", widths.thorax.width / thorax.shape[1], film, unclear, thorax_line),
    ]


def _line(line: Box, thorax: Thorax, film: Radiograph) -> tuple[float, float, float, float]:
    """Put a line on the masks onto the stored image."""
    rows, columns = thorax.shape
    on_film = line.scaled(film.width_px / columns, film.height_px / rows)
    x0, y0, x1, y1 = (round(value, 1) for value in film.to_stored(on_film))
    return x0, y0, x1, y1


def _widths(thorax: Thorax) -> _Widths | None:
    """Find the widest row of the thorax, among those that cross both lungs; the heart's width is that of its extent."""
    if thorax.heart is None:
        return None
    shared = np.flatnonzero(thorax.right_mask.any(axis=1) & thorax.left_mask.any(axis=1))
    if not len(shared):
        return None
    starts = thorax.right_mask[shared].argmax(axis=1)
    ends = thorax.shape[1] - thorax.left_mask[shared, ::-1].argmax(axis=1)
    widest = int((ends - starts).argmax())
    if ends[widest] <= starts[widest]:
        return None
    chest_y = float(shared[widest]) + 0.5
    heart_y = (thorax.heart.y0 + thorax.heart.y1) / 2
    return _Widths(
        heart=Box(thorax.heart.x0, heart_y, thorax.heart.x1, heart_y),
        thorax=Box(float(starts[widest]), chest_y, float(ends[widest]), chest_y),
    )


def _doubts_about_outlines(thorax: Thorax, widths: _Widths) -> list[str]:
    doubts = []
    if thorax.hidden is not None:
        doubts.append(f"little of the {thorax.hidden} lung is seen")
    if widths.thorax.x0 <= 0 or widths.thorax.x1 >= thorax.shape[1]:
        doubts.append("the thorax reaches the border of the film")
    ratio = widths.heart.width / widths.thorax.width
    middle = (widths.heart.x0 + widths.heart.x1) / 2
    place = (middle - widths.thorax.x0) / widths.thorax.width
    if not (
        _PLAUSIBLE_RATIO[0] <= ratio <= _PLAUSIBLE_RATIO[1]
        and _PLAUSIBLE_HEART_PLACE[0] <= place <= _PLAUSIBLE_HEART_PLACE[1]
    ):
        doubts.append("the outline of the heart is not plausible")
    return doubts


def _doubts_about_film(film: Radiograph) -> list[str]:
    doubts = []
    if film.view in ("AP", "AP supine"):
        doubts.append(f"{film.view} film: the heart is magnified")
    elif film.view != "PA":
        doubts.append("the view is not known: on an AP film the heart is magnified")
    if film.is_child:
        doubts.append("the limits for adults do not hold for children")
    return doubts


def _width(
    organ: Literal["heart", "thorax"],
    share: float,
    film: Radiograph,
    doubts: list[str],
    line: tuple[float, float, float, float],
) -> Measurement:
    """Turn a share of the film's width into a length."""
    # Of an upscaled film, pixels and spacing are those of its original: what was invented has no size of its own.
    taken = film.original or film
    width_px = share * taken.width_px
    if taken.pixel_spacing_mm is None:
        value, unit, scale = width_px, "px", "in pixels: the film has no pixel spacing"
    else:
        value, unit, scale = width_px * taken.pixel_spacing_mm[1], "mm", "at the detector"
    return Measurement(
        id=HEART_WIDTH_ID if organ == "heart" else THORAX_WIDTH_ID,
        name=f"{organ}_width",
        value=round(value, 1),
        unit=unit,
        reliable=not doubts,
        note="; ".join([scale, *doubts]),
        lines_xyxy_px=[line],
    )
