"""The modality and VOI transforms that a DICOM header describes.

References
----------
DICOM PS3.3 C.11.1 (Modality LUT), C.11.2 (VOI LUT)
"""

import math
from typing import cast

import numpy as np

from lucidray.domain.note import Note
from lucidray.imaging.attributes import Attributes
from lucidray.imaging.voi import LookupTable, Rescale, Transform, Window, WindowFunction

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def modality_transform(attributes: Attributes, *, signed: bool) -> tuple[Transform | None, list[Note]]:
    """Return the Modality LUT, else rescale slope and intercept, else None; what is damaged is passed over with a note.

    Parameters
    ----------
    attributes : Attributes
        Of the image.
    signed : bool
        Whether stored values are signed: a LUT's first value is then, too.
    """
    notes = []
    items = attributes.items("ModalityLUTSequence")
    if items:
        lut = read_lut(items[0], signed=signed)
        if lut is not None:
            return lut, []
        notes.append(Note(code="modality_lut_invalid", message="The Modality LUT is damaged and was not applied."))
    if "RescaleSlope" not in attributes and "RescaleIntercept" not in attributes:
        return None, notes
    slope = attributes.number("RescaleSlope") if "RescaleSlope" in attributes else 1.0
    intercept = attributes.number("RescaleIntercept") if "RescaleIntercept" in attributes else 0.0
    if not slope or intercept is None or not math.isfinite(slope * 65_536 + intercept):
        notes.append(
            Note(code="rescale_invalid", message="Rescale Slope or Intercept is no number that can be applied.")
        )
        return None, notes
    return Rescale(slope, intercept), notes


def voi_transform(attributes: Attributes, *, signed: bool) -> tuple[Transform | None, list[Note]]:
    """Return the first VOI LUT, scaled to [0, 1], else the first valid window, else None.

    Parameters
    ----------
    attributes : Attributes
        Of the image.
    signed : bool
        Whether values after the modality transform can be negative: a LUT's first value is then signed.
    """
    notes = []
    items = attributes.items("VOILUTSequence")
    if items:
        lut = read_lut(items[0], signed=signed)
        if lut is not None:
            if len(items) > 1:
                notes.append(_first_of("VOI LUTs", [item.text("LUTExplanation") for item in items]))
            return _normalised(lut, items[0]), notes
        notes.append(Note(code="voi_lut_invalid", message="The VOI LUT is damaged and was not applied."))
    window, window_notes = _read_window(attributes)
    return window, [*notes, *window_notes]


def _read_window(attributes: Attributes) -> tuple[Window | None, list[Note]]:
    centers, widths = attributes.numbers("WindowCenter"), attributes.numbers("WindowWidth")
    if not centers and not widths:
        return None, []
    notes = []
    stated = attributes.text("VOILUTFunction").upper() or "LINEAR"
    if stated not in _FUNCTIONS:
        notes.append(
            Note(code="voi_function_unknown", message=f'VOI LUT Function "{stated}" is unknown: LINEAR is taken.')
        )
        stated = "LINEAR"
    function = cast(WindowFunction, stated)
    for index, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if not math.isfinite(center) or not math.isfinite(width) or width <= 0 or (function == "LINEAR" and width < 1):
            message = f"A window of centre {center:g} and width {width:g} is not valid and was passed over."
            notes.append(Note(code="window_invalid", message=message))
            continue
        if index == 0 and min(len(centers), len(widths)) > 1:
            names = attributes.texts("WindowCenterWidthExplanation")
            notes.append(_first_of("windows", [*names, *[""] * len(centers)][: len(centers)]))
        return Window(center, width, function), notes
    if not notes:
        notes.append(
            Note(code="window_invalid", message="Window Center or Window Width is missing: no window was applied.")
        )
    return None, notes


def _first_of(what: str, names: list[str]) -> Note:
    name = f' ("{names[0]}")' if names[0] else ""
    message = f"The file offers {len(names)} {what}: the first{name} is shown."
    return Note(code="several_presentations", message=message)


def read_lut(item: Attributes, *, signed: bool, prefix: str = "LUT") -> LookupTable | None:
    """Return the LUT in `prefix`Descriptor and `prefix`Data, entries as stored; None where these do not make one."""
    descriptor = item.numbers(f"{prefix}Descriptor", signed=signed)
    if len(descriptor) != 3:
        return None
    # The number of entries and the bits are unsigned whatever the VR; 65,536 entries are written as 0.
    count = int(descriptor[0]) % 65_536 or 65_536
    first = int(descriptor[1])
    if signed and first >= 32_768:
        first -= 65_536
    raw = item.raw(f"{prefix}Data")
    order = "<" if item.little_endian else ">"
    if len(raw) >= 2 * count:
        entries = np.frombuffer(raw, np.dtype(f"{order}u2"), count=count)
    elif len(raw) >= count and int(descriptor[2]) == 8:
        # Entries of 8 bits may be packed, two in a word.
        entries = np.frombuffer(raw, np.uint8, count=count).astype(np.uint16)
    else:
        return None
    return LookupTable(entries.astype(np.float64), first)


def _normalised(lut: LookupTable, item: Attributes) -> LookupTable:
    """Scale a VOI LUT's entries by the range that its descriptor gives, or that its entries need.

    Devices are known to announce 16 bits for entries of 12: such a film would be all but black. A LUT that stays two
    bits or more below its announced range is scaled by what it uses.
    """
    announced = int(item.numbers("LUTDescriptor")[2])
    used = max(1, int(lut.entries.max()).bit_length())
    bits = used if used > announced or used <= announced - 2 else announced
    return LookupTable(lut.entries / (2.0**bits - 1), lut.first)
