"""A film as the values of its detector, for viewers that let people make their own window."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucidray.imaging.voi import Codes, Values, Window

_TOP = 65_535
TONE_STEPS = 1024


@dataclass(frozen=True, eq=False)
class GreyValues:
    """The values of a film before any window.

    Attributes
    ----------
    values : (H, W) uint16
        Orientation of the stored image; 0 is the film's lowest value.
    slope, intercept : float
        ``slope * values + intercept`` is the value after the modality transform, in `unit`.
    unit : str
        Rescale Type (0028,1054); empty where the file names none.
    top : int
        Largest of `values` that is not padding, at least 1.
    inverted : bool
        Low values are bright (MONOCHROME1).
    window : Window or None
        That of the file, in values after the modality transform; None where it has none or shows by a table.
    tone : (n,) float64 in [0, 1]
        The grey that lucidray shows, at n evenly spaced values from 0 to `top`: windows, tables and inversion together.
    """

    values: npt.NDArray[np.uint16]
    slope: float
    intercept: float
    unit: str
    top: int
    inverted: bool
    window: Window | None
    tone: Values


def quantised(
    codes: Codes,
    values: Values,
    grey: Values,
    valid: npt.NDArray[np.bool_],
    *,
    inverted: bool = False,
    window: Window | None = None,
    unit: str = "",
) -> GreyValues:
    """Bring values into 16 bits: exactly where they are whole numbers that fit, else in 65,536 even steps.

    Parameters
    ----------
    codes : (H, W) unsigned integers
        Pixels.
    values, grey : (n,) float64
        Value and shown grey of each of the n codes.
    valid : (n,) bool
        Codes that are on the film and are no padding: at least one.
    """
    seen = values[valid]
    low, high = float(seen.min()), float(seen.max())
    whole = bool(np.all(seen == np.rint(seen))) and high - low <= _TOP
    slope = 1.0 if whole or high == low else (high - low) / _TOP
    # Padding lies anywhere: it is clipped to the film's own range, and shows black or white like its neighbours.
    table = np.clip(np.rint((values - low) / slope), 0, _TOP).astype(np.uint16)
    top = max(1, int(table[valid].max()))
    order = np.argsort(table[valid], kind="stable")
    tone = np.interp(np.linspace(0, top, TONE_STEPS), table[valid][order], grey[valid][order])
    return GreyValues(np.minimum(table, top)[codes], slope, low, unit, top, inverted, window, tone)


def from_grey(pixels: npt.NDArray[np.float32], *, eight_bits: bool) -> GreyValues:
    """Make values of a film that has greys only.

    Parameters
    ----------
    pixels : (H, W) float32 in [0, 1]
    eight_bits : bool
        They are 256 steps.
    """
    top = 255 if eight_bits else _TOP
    values = np.rint(np.clip(pixels, 0, 1) * np.float32(top)).astype(np.uint16)
    return GreyValues(values, 1.0, 0.0, "", top, False, None, np.linspace(0, 1, TONE_STEPS))
