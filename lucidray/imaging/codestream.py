"""What a compressed frame says of itself, before a decoder gets to see it.

Decoders allocate by the codestream's own size. Reading it first keeps a small file from asking for gigabytes, and keeps
C code from seeing a frame that contradicts its DICOM header.

References
----------
JPEG: ITU-T T.81 B.2.2. JPEG-LS: ITU-T T.87 C.2.2. JPEG 2000: ITU-T T.800 A.5.1.
"""

import struct
from dataclasses import dataclass

from lucidray.domain.errors import InputError

_SOS = 0xDA
_SOF_JPEG_LS = 0xF7
_SOF_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_NO_FRAME_HEADER = (
    0xC4,
    0xC8,
    0xCC,
)  # Huffman tables, extensions, arithmetic conditioning: among the SOF codes, but none
_STANDALONE = (0x01, *range(0xD0, 0xD8))
_SIZ = b"\xff\x4f\xff\x51"
_JP2_BOXES_BYTES = 65_536


@dataclass(frozen=True)
class Codestream:
    """Size and depth of a compressed frame; `lossless_jpeg` is true for JPEG processes 14 and 15 only."""

    rows: int
    columns: int
    samples: int
    bits: int
    lossless_jpeg: bool = False


def read_jpeg(frame: bytes) -> Codestream:
    """Read the frame header of a JPEG or JPEG-LS codestream.

    Raises
    ------
    InputError
        There is none.
    """
    if frame[:2] != b"\xff\xd8":
        raise InputError("the pixel data does not begin like a JPEG image")
    position = 2
    try:
        while True:
            while frame[position] == 0xFF:
                position += 1
            marker = frame[position]
            position += 1
            if marker in _STANDALONE:
                continue
            (length,) = struct.unpack_from(">H", frame, position)
            if marker == _SOF_JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADER):
                bits, rows, columns, samples = struct.unpack_from(">BHHB", frame, position + 2)
                return Codestream(rows, columns, samples, bits, marker in _SOF_LOSSLESS)
            if marker == _SOS or length < 2:
                break
            position += length
            if frame[position] != 0xFF:
                break
    except (IndexError, struct.error) as error:
        raise InputError("the JPEG image in the pixel data is cut off") from error
    raise InputError("the JPEG image in the pixel data is damaged")


def read_jpeg2000(frame: bytes) -> Codestream:
    """Read the SIZ segment of a JPEG 2000 codestream, bare or in a JP2 file.

    Raises
    ------
    InputError
        There is none, or its components differ in depth or resolution.
    """
    start = frame.find(_SIZ, 0, _JP2_BOXES_BYTES)
    if start < 0:
        raise InputError("the pixel data does not begin like a JPEG 2000 image")
    try:
        x1, y1, x0, y0 = struct.unpack_from(">4I", frame, start + 8)
        (samples,) = struct.unpack_from(">H", frame, start + 40)
        components = struct.unpack_from(f">{3 * min(samples, 4)}B", frame, start + 42)
    except struct.error as error:
        raise InputError("the JPEG 2000 image in the pixel data is cut off") from error
    depths, steps = set(components[::3]), {*components[1::3], *components[2::3]}
    if x1 <= x0 or y1 <= y0 or len(depths) != 1 or steps != {1}:
        raise InputError("the JPEG 2000 image in the pixel data is damaged")
    return Codestream(rows=y1 - y0, columns=x1 - x0, samples=samples, bits=(depths.pop() & 0x7F) + 1)
