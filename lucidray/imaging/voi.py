"""From stored values to what a viewer shows: windows and lookup tables, as pure functions and values.

A film of 16 bits has at most 65,536 different pixel codes. All steps (bit mask, sign, modality, VOI, padding,
inversion) are therefore worked out once a code, exactly, and the film is looked up in the table that results.

References
----------
DICOM PS3.3 C.7.6.3.1 (stored values), C.11.1 (modality LUT), C.11.2 (VOI LUT), C.7.5.1.1.2 (padding)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import FloatImage

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Transform = Callable[[Values], Values]
WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

# NumPy makes indices 8 bytes wide before it uses them: by blocks of rows, that stays in the cache.
_BLOCK_ROWS = 128


@dataclass(frozen=True)
class StoredFormat:
    """Where in a pixel's container its value lies.

    Attributes
    ----------
    container_bits : 8 or 16
        Bits Allocated (0028,0100), or what the decoder gives.
    bits : int
        Bits Stored (0028,0101), 1 to `container_bits`.
    high_bit : int
        High Bit (0028,0102), `bits` - 1 to `container_bits` - 1. Bits outside are junk or overlays, and ignored.
    signed : bool
        Pixel Representation (0028,0103): two's complement.
    """

    container_bits: int
    bits: int
    high_bit: int
    signed: bool

    def values(self) -> Values:
        """Return the stored value of each of the 2**container_bits codes."""
        codes = np.arange(2**self.container_bits, dtype=np.int64)
        values: npt.NDArray[np.int64] = (codes >> (self.high_bit + 1 - self.bits)) & (2**self.bits - 1)
        if self.signed:
            values[values >= 2 ** (self.bits - 1)] -= 2**self.bits
        return values.astype(np.float64)

    def container_values(self) -> Values:
        """Return each code's value with all bits of the container taken for the pixel."""
        return StoredFormat(self.container_bits, self.container_bits, self.container_bits - 1, self.signed).values()


@dataclass(frozen=True)
class Rescale:
    """Rescale Slope (0028,1053) and Intercept (0028,1052)."""

    slope: float
    intercept: float

    def __call__(self, values: Values) -> Values:
        """Return slope * values + intercept."""
        return values * self.slope + self.intercept


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A Modality or VOI LUT.

    Attributes
    ----------
    entries : (n,) float64
        What the n values from `first` on map to.
    first : int
        First value mapped; lower ones map to the first entry, values past the end to the last.
    """

    entries: Values
    first: int

    def __call__(self, values: Values) -> Values:
        """Look `values` up; fractions are rounded."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        found: Values = self.entries[index.astype(np.int64)]
        return found


@dataclass(frozen=True)
class Window:
    """Window Center (0028,1050), Width (0028,1051) and VOI LUT Function (0028,1056)."""

    center: float
    width: float
    function: WindowFunction = "LINEAR"

    def __call__(self, values: Values) -> Values:
        """Map `values` to [0, 1]."""
        return apply_voi_window(values, self.center, self.width, self.function)


def apply_voi_window(values: npt.ArrayLike, center: float, width: float, function: WindowFunction = "LINEAR") -> Values:
    """Map modality values to [0, 1] with a VOI window.

    Parameters
    ----------
    values : array
        Values after the modality transform.
    center, width : float
        In units of `values`.
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
        VOI LUT Function (0028,1056).

    Returns
    -------
    float64 array in [0, 1], of the shape of `values`

    Raises
    ------
    InputError
        A number is not finite, or `width` is below 1 (LINEAR) or not above 0 (LINEAR_EXACT, SIGMOID).

    References
    ----------
    DICOM PS3.3 C.11.2.1.2.1 and C.11.2.1.3
    """
    if not np.isfinite(center) or not np.isfinite(width) or width <= 0 or (function == "LINEAR" and width < 1):
        raise InputError(f"a {function} window of centre {center:g} and width {width:g} is not valid")
    x = np.asarray(values, dtype=np.float64)
    # A width near zero overflows the division: the clip makes the step that is meant.
    with np.errstate(over="ignore"):
        if function == "SIGMOID":
            return 1.0 / (1.0 + np.exp(-4.0 * (x - center) / width))
        if function == "LINEAR_EXACT":
            return np.clip((x - center) / width + 0.5, 0.0, 1.0)
        if width == 1:
            return np.where(x <= center - 0.5, 0.0, 1.0)
        return np.clip((x - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def stretch(values: Values, low: float, high: float) -> Values:
    """Map [low, high] to [0, 1] and clip; all zero where `high` does not exceed `low`."""
    # Halved, so that the widest range that a float can hold does not overflow.
    half_range = high / 2 - low / 2
    if half_range <= 0:
        return np.zeros_like(values)
    return np.clip((values / 2 - low / 2) / half_range, 0.0, 1.0)


def present_codes(codes: Codes, container_bits: int) -> npt.NDArray[np.bool_]:
    """Return, for each of the 2**container_bits codes, whether any pixel has it."""
    present = np.zeros(2**container_bits, dtype=np.bool_)
    for start in range(0, len(codes), _BLOCK_ROWS):
        present[codes[start : start + _BLOCK_ROWS]] = True
    return present


def padding_codes(stored: StoredFormat, padding: float, limit: float) -> npt.NDArray[np.bool_]:
    """Return, for each code, whether it lies between Pixel Padding Value (0028,0120) and Range Limit (0028,0121).

    Some devices put padding outside Bits Stored, so the whole container counts as well as the stored bits.
    """
    low, high = min(padding, limit), max(padding, limit)
    values, container = stored.values(), stored.container_values()
    return ((values >= low) & (values <= high)) | ((container >= low) & (container <= high))


def show(codes: Codes, table: npt.NDArray[np.float64]) -> FloatImage:
    """Look every pixel up.

    Parameters
    ----------
    codes : (H, W) uint8 or uint16
        As stored.
    table : (2**container_bits,) float64 in [0, 1]
        The grey value of each code.

    Returns
    -------
    (H, W) float32 in [0, 1]
    """
    grey = table.astype(np.float32)
    shown: FloatImage = np.empty(codes.shape, dtype=np.float32)
    for start in range(0, len(codes), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        # Every code has an entry, so nothing is ever clipped; it only spares NumPy a copy of the result.
        np.take(grey, codes[rows], out=shown[rows], mode="clip")
    return shown
