"""From Pixel Data to what a viewer shows.

Order of the steps: stored value, modality LUT or rescale, VOI LUT or window, padding to black, inversion. MONOCHROME1
is inverted last; Presentation LUT Shape INVERSE is DICOM's other way of saying the same, so it never inverts a second
time.

Where the file offers several presentations, the first VOI LUT is taken, then the first window: PS3.3 C.11.2 calls them
alternatives, and where a device sends a LUT beside a window, the LUT is the rendering that it was tuned for.
"""

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.domain.note import Note
from lucidray.domain.radiograph import FloatImage
from lucidray.imaging.attributes import Attributes
from lucidray.imaging.dicom_frame import GREY_TOLERANCE, ImageHeader, read_codes, read_image_header
from lucidray.imaging.dicom_luts import modality_transform, read_lut, voi_transform
from lucidray.imaging.limits import Limits
from lucidray.imaging.values import GreyValues, quantised
from lucidray.imaging.voi import Codes, StoredFormat, Values, Window, padding_codes, present_codes, show, stretch

Flags = npt.NDArray[np.bool_]


def read_pixels(attributes: Attributes, syntax: str, limits: Limits) -> tuple[FloatImage, list[Note]]:
    """Decode the film and show it.

    Returns
    -------
    (H, W) float32 in [0, 1], bright = dense, and what was odd.

    Raises
    ------
    InputError
        Cut off, damaged, contradictory, beyond the limits, or nothing but padding.
    UnsupportedError
        A colour picture, or a transfer syntax or depth that lucidray does not read.
    """
    header, notes = read_image_header(attributes, limits)
    image = read_codes(attributes, header, syntax)
    table, table_notes = _grey_table(attributes, header, image.stored, image.codes)
    return show(image.codes, table), [*notes, *image.notes, *table_notes]


def read_values(attributes: Attributes, syntax: str, limits: Limits) -> GreyValues:
    """Decode the film and keep its values, for a viewer that makes its own window.

    Raises
    ------
    InputError, UnsupportedError
        As in `read_pixels`.
    """
    header, _ = read_image_header(attributes, limits)
    image = read_codes(attributes, header, syntax)
    grey, _ = _grey_table(attributes, header, image.stored, image.codes)
    present = present_codes(image.codes, image.stored.container_bits)
    valid = present & ~_padding(attributes, image.stored)
    values, window = image.stored.values(), None
    if header.photometric == "PALETTE COLOR":
        values = grey
    elif header.samples == 1:
        modality, _ = modality_transform(attributes, signed=image.stored.signed)
        values = values if modality is None else modality(values)
        voi, _ = voi_transform(attributes, signed=float(values[valid].min()) < 0)
        window = voi if isinstance(voi, Window) else None
    inverted, _ = _is_inverted(attributes, header.photometric)
    unit = attributes.text("RescaleType")
    return quantised(image.codes, values, grey, valid, inverted=inverted, window=window, unit=unit)


def _grey_table(
    attributes: Attributes, header: ImageHeader, stored: StoredFormat, codes: Codes
) -> tuple[Values, list[Note]]:
    """Return the grey value in [0, 1] of every pixel code, as all steps together make it."""
    notes: list[Note] = []
    present = present_codes(codes, stored.container_bits)
    padding = _padding(attributes, stored)
    valid = present & ~padding
    if not valid.any():
        raise InputError("the film holds nothing but padding")
    if header.photometric == "PALETTE COLOR":
        table = _grey_palette(attributes, stored, valid)
    elif header.samples == 3:
        # Colour is shown as it is stored: neither rescale nor window apply (PS3.3 C.11.2.1.2).
        table = stored.values() / (2.0**stored.bits - 1)
    else:
        notes.extend(_check_unused_bits(stored, valid))
        modality, modality_notes = modality_transform(attributes, signed=stored.signed)
        values = stored.values() if modality is None else modality(stored.values())
        table, voi_notes = _apply_voi(attributes, values, valid)
        notes.extend([*modality_notes, *voi_notes])
    inverted, invert_notes = _is_inverted(attributes, header.photometric)
    if inverted:
        table = 1.0 - table
    table[padding] = 0.0
    return table, [*notes, *invert_notes]


def _grey_palette(attributes: Attributes, stored: StoredFormat, valid: Flags) -> Values:
    """Return the grey values of a palette without colour; refuse one with colour."""
    luts = [
        read_lut(attributes, signed=stored.signed, prefix=f"{colour}PaletteColorLookupTable")
        for colour in ("Red", "Green", "Blue")
    ]
    tables = [lut(stored.values()) for lut in luts if lut is not None]
    if len(tables) != 3:
        raise InputError("its colour palette is damaged")
    top = 255.0 if max(float(table.max()) for table in tables) <= 255 else 65_535.0
    spread = np.max(tables, axis=0) - np.min(tables, axis=0)
    if spread[valid].max() > GREY_TOLERANCE * top:
        raise UnsupportedError("a colour picture, not a radiograph")
    return tables[0] / top


def _apply_voi(attributes: Attributes, values: Values, valid: Flags) -> tuple[Values, list[Note]]:
    """Map modality values to [0, 1]: by LUT or window, else over the film's full range."""
    shown = values[valid]
    low, high = float(shown.min()), float(shown.max())
    voi, notes = voi_transform(attributes, signed=low < 0)
    if voi is not None:
        table = voi(values)
        visible = table[valid]
        if high == low or visible.max() > visible.min():
            return table, notes
        message = "The window of the file leaves nothing to see: the film's full range is shown instead."
        notes = [*notes, Note(code="window_empty", message=message)]
    return stretch(values, low, high), notes


def _padding(attributes: Attributes, stored: StoredFormat) -> Flags:
    padding = attributes.number("PixelPaddingValue", signed=stored.signed)
    if padding is None:
        return np.zeros(2**stored.container_bits, dtype=np.bool_)
    limit = attributes.number("PixelPaddingRangeLimit", signed=stored.signed)
    return padding_codes(stored, padding, padding if limit is None else limit)


def _check_unused_bits(stored: StoredFormat, valid: Flags) -> list[Note]:
    """Remark on bits above the stored ones, unless they only repeat the sign."""
    codes = np.flatnonzero(valid)
    above = codes >> (stored.high_bit + 1)
    sign = np.where(stored.values()[valid] < 0, 2 ** (stored.container_bits - stored.high_bit - 1) - 1, 0)
    if not np.any((above != 0) & (above != sign)):
        return []
    message = f"Bits beyond the {stored.bits} stored are in use (overlays or junk): they are ignored."
    return [Note(code="unused_bits", message=message)]


def _is_inverted(attributes: Attributes, photometric: str) -> tuple[bool, list[Note]]:
    """Return whether low values are bright. Photometric Interpretation alone decides."""
    inverted = photometric == "MONOCHROME1"
    shape = attributes.text("PresentationLUTShape").upper()
    expected = "INVERSE" if inverted else "IDENTITY"
    if shape in ("INVERSE", "IDENTITY") and shape != expected:
        message = (
            f"Presentation LUT Shape {shape} contradicts {photometric}: check that bright and dark are not exchanged."
        )
        return inverted, [Note(code="presentation_contradictory", message=message)]
    return inverted, []
