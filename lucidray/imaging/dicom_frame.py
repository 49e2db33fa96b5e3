"""The pixel codes of a DICOM image, as its container holds them: native or decompressed, of one channel.

References
----------
DICOM PS3.3 C.7.6.3 (Image Pixel module), PS3.5 8 (encoding of pixel data)
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pydicom.encaps import get_frame
from pydicom.uid import UID

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.domain.note import Note
from lucidray.imaging.attributes import Attributes
from lucidray.imaging.codecs import CODECS, Frame, FrameLayout, decode
from lucidray.imaging.dicom_file import EXPLICIT_BIG, NATIVE
from lucidray.imaging.limits import Limits
from lucidray.imaging.voi import Codes, StoredFormat

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_JPEG_FAMILY = "1.2.840.10008.1.2.4."
# Pillow, which decodes these, undoes the transform from RGB to luminance and chroma.
_DECODED_TO_RGB = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
# Channels of a grey picture in colour may differ by compression noise, and a small coloured annotation is no colour
# picture.
GREY_TOLERANCE = 8 / 255
_COLOURED_SHARE = 0.001


class StoredImage(NamedTuple):
    """(H, W) pixel codes, where in them the values lie, and what was odd."""

    codes: Codes
    stored: StoredFormat
    notes: list[Note]


@dataclass(frozen=True)
class ImageHeader:
    """Group 0028 as far as decoding needs it, checked against itself and the limits."""

    rows: int
    columns: int
    samples: int
    photometric: str
    stored: StoredFormat
    planar: bool


def read_image_header(attributes: Attributes, limits: Limits) -> tuple[ImageHeader, list[Note]]:
    """Read size and depth.

    Raises
    ------
    InputError
        Missing, contradictory, or beyond the limits.
    UnsupportedError
        A depth or colour space that radiographs do not have.
    """
    rows, columns = attributes.integer("Rows"), attributes.integer("Columns")
    limits.check_size(columns, rows)
    samples = attributes.integer("SamplesPerPixel", default=1)
    container = attributes.integer("BitsAllocated", default=16)
    bits = attributes.integer("BitsStored", default=container)
    high_bit = attributes.integer("HighBit", default=bits - 1)
    photometric = attributes.text("PhotometricInterpretation").upper()
    notes = []
    if not photometric and samples == 1:
        photometric = "MONOCHROME2"
        message = "The file does not say whether bright means dense or air: it is shown as stored."
        notes.append(Note(code="photometric_missing", message=message))
    if container not in (8, 16):
        raise UnsupportedError(f"an image of {container} bits a sample; lucidray takes 8 to 16")
    if photometric not in (*_GREY, *_COLOUR) or samples != (1 if photometric in (*_GREY, "PALETTE COLOR") else 3):
        raise UnsupportedError(f'an image of {samples} samples a pixel in the colour space "{photometric}"')
    if not 1 <= bits <= container:
        raise InputError(f"the header is contradictory: {bits} bits stored in {container} allocated")
    if not bits - 1 <= high_bit < container:
        message = f"High Bit is {high_bit} for {bits} bits in {container}, which cannot be: {bits - 1} is taken."
        notes.append(Note(code="high_bit_invalid", message=message))
        high_bit = bits - 1
    stored = StoredFormat(container, bits, high_bit, attributes.integer("PixelRepresentation") == 1)
    planar = attributes.integer("PlanarConfiguration") == 1
    return ImageHeader(rows, columns, samples, photometric, stored, planar), notes


def read_codes(attributes: Attributes, header: ImageHeader, syntax: str) -> StoredImage:
    """Take or decode the pixels; of a grey picture in colour, one channel.

    Raises
    ------
    InputError
        Cut off, damaged, or in contradiction to the header.
    UnsupportedError
        A colour picture, or a transfer syntax that lucidray does not read.
    """
    notes: list[Note] = []
    if syntax in NATIVE:
        codes, stored = _read_native(attributes, header, syntax, notes), header.stored
    else:
        frame = _decode_frame(attributes, header, syntax)
        codes, stored = frame.codes, _decoded_format(header.stored, frame, syntax)
    if header.samples == 3:
        is_luminance = header.photometric.startswith("YBR_FULL") and syntax not in _DECODED_TO_RGB
        codes = _grey_channel(codes, stored.container_bits, is_luminance=is_luminance)
    return StoredImage(codes, stored, notes)


def _read_native(attributes: Attributes, header: ImageHeader, syntax: str, notes: list[Note]) -> Codes:
    raw = attributes.raw("PixelData")
    if attributes.has_undefined_length("PixelData"):
        raise InputError("the pixel data is compressed, but the transfer syntax says that it is not")
    container = header.stored.container_bits
    half_chroma = header.photometric == "YBR_FULL_422"
    count = header.rows * header.columns * (2 if half_chroma else header.samples)
    expected = count * container // 8
    if len(raw) < expected:
        raise InputError(f"the pixel data is cut off: {len(raw):,} of {expected:,} bytes")
    if len(raw) > expected + expected % 2:
        message = f"The pixel data has {len(raw):,} bytes where {expected:,} are announced: the rest is not shown."
        notes.append(Note(code="pixel_data_longer", message=message))
    big = syntax == EXPLICIT_BIG
    flat: Codes
    if container == 8:
        flat = np.frombuffer(raw, np.uint8)
        if big and attributes.vr("PixelData") == "OW":
            flat = flat[: len(raw) // 2 * 2].view(np.uint16).byteswap().view(np.uint8)
        flat = flat[:count]
        if flat.size < count:
            raise InputError("the pixel data is cut off by one byte")
    else:
        flat = np.frombuffer(raw, np.dtype(">u2" if big else "<u2"), count=count)
    if half_chroma:
        # Y1 Y2 Cb Cr for two pixels: only an even number of columns is defined.
        if header.columns % 2:
            raise InputError("YBR_FULL_422 with an odd number of columns")
        quads = flat.reshape(header.rows, header.columns // 2, 4)
        pixels = np.empty((header.rows, header.columns, 3), flat.dtype)
        pixels[:, 0::2, 0], pixels[:, 1::2, 0] = quads[..., 0], quads[..., 1]
        pixels[:, 0::2, 1:], pixels[:, 1::2, 1:] = quads[..., 2:], quads[..., 2:]
        return pixels
    if header.samples == 1:
        return flat.reshape(header.rows, header.columns)
    if header.planar:
        return np.moveaxis(flat.reshape(header.samples, header.rows, header.columns), 0, -1)
    return flat.reshape(header.rows, header.columns, header.samples)


def _decode_frame(attributes: Attributes, header: ImageHeader, syntax: str) -> Frame:
    if syntax not in CODECS:
        raise UnsupportedError(f"its transfer syntax, {UID(syntax).name}, is not one that lucidray reads")
    if not attributes.has_undefined_length("PixelData"):
        raise InputError("the pixel data is not compressed, but the transfer syntax says that it is")
    try:
        frame = get_frame(attributes.raw("PixelData"), 0, number_of_frames=1)
    except Exception as error:
        # pydicom raises ValueError, struct.error or EOFError, depending on which item is damaged.
        raise InputError("the compressed pixel data is damaged or cut off") from error
    is_rgb = header.photometric == "RGB"
    return decode(
        frame, syntax, FrameLayout(header.rows, header.columns, header.samples, header.stored.container_bits, is_rgb)
    )


def _decoded_format(stored: StoredFormat, frame: Frame, syntax: str) -> StoredFormat:
    """Return where values lie in what a decoder gave: JPEG codestreams know their own depth, and right-align it."""
    container = frame.codes.dtype.itemsize * 8
    if not syntax.startswith(_JPEG_FAMILY):
        return stored
    bits = min(stored.bits, frame.bits)
    # A codestream as deep as the container holds the stored word as it was, overlay bits and all.
    high_bit = stored.high_bit if stored.high_bit < frame.bits else bits - 1
    return StoredFormat(container, bits, max(high_bit, bits - 1), stored.signed)


def _grey_channel(codes: Codes, container_bits: int, *, is_luminance: bool) -> Codes:
    """Return the one channel of a grey picture that was stored in colour; refuse a colour picture."""
    tolerance = GREY_TOLERANCE * (2**container_bits - 1)
    first, second, third = (codes[..., channel].astype(np.int32) for channel in range(3))
    grey = 2 ** (container_bits - 1) if is_luminance else first
    spread = np.maximum(np.abs(second - grey), np.abs(third - grey))
    if np.mean(spread > tolerance) > _COLOURED_SHARE:
        raise UnsupportedError("a colour picture, not a radiograph")
    return np.ascontiguousarray(codes[..., 0])
