"""Decoders of DICOM pixel data, one chosen by hand for each transfer syntax.

Whichever decoder happens to be installed first is not good enough: Pillow cuts 12-bit JPEG, GDCM needs to be told the
codestream's own depth, and a decoder under the GPL must not be pulled in. All chosen here have permissive licences.
Decoders start when a film needs them, and those in C++ in a
process of their own.
"""

import importlib
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.imaging.codestream import Codestream, read_jpeg, read_jpeg2000
from lucidray.imaging.decoder_process import MISSING_DECODER
from lucidray.imaging.voi import Codes

# A slow laptop needs a tenth of it. Damaged frames can take CharLS for ever.
DECODING_SECONDS, DECODING_SECONDS_PER_MEGAPIXEL = 10.0, 2.0


@dataclass(frozen=True)
class FrameLayout:
    """What the DICOM header says of the frame.

    Attributes
    ----------
    rows, columns, samples : int
    container_bits : 8 or 16
        Bits Allocated (0028,0100).
    is_rgb : bool
        Photometric Interpretation is RGB: the samples are to be taken as they are.
    """

    rows: int
    columns: int
    samples: int
    container_bits: int
    is_rgb: bool = False


class Frame(NamedTuple):
    """A decoded frame: (rows, columns) or (rows, columns, 3) codes, and how many of their bits the codestream uses."""

    codes: Codes
    bits: int


Decode = Callable[[bytes, FrameLayout], Frame]


class Codec(NamedTuple):
    """A transfer syntax that lucidray reads: its name, what decodes it, from which distribution, and how."""

    name: str
    module: str
    distribution: str
    decode: Decode


class CodecState(NamedTuple):
    """Whether one transfer syntax can be decoded here; `cure` says what to do where it cannot."""

    name: str
    decoder: str
    ok: bool
    cure: str | None


def decode(frame: bytes, syntax: str, layout: FrameLayout) -> Frame:
    """Decode one compressed frame.

    Parameters
    ----------
    frame : bytes
        One frame, its fragments joined.
    syntax : str
        Transfer syntax UID, one of `CODECS`.
    layout : FrameLayout
        What the header says; checked against the codestream before anything is decoded.

    Raises
    ------
    UnsupportedError
        Unknown syntax, or its decoder is not installed.
    InputError
        Damaged, cut off, or in contradiction to `layout`.
    """
    if syntax not in CODECS:
        raise UnsupportedError(f"its transfer syntax {syntax} is not one that lucidray reads")
    codec = CODECS[syntax]
    try:
        result = codec.decode(frame, layout)
    except ImportError as error:
        raise UnsupportedError(f"{codec.name} needs a decoder: pip install {codec.distribution}") from error
    except InputError:
        raise
    except Exception as error:
        # Six libraries behind this call, each with its own errors (RuntimeError, OSError, struct.error, SystemError
        # ...).
        raise InputError(f"the pixel data cannot be decoded as {codec.name}") from error
    shape = (layout.rows, layout.columns) if layout.samples == 1 else (layout.rows, layout.columns, layout.samples)
    if result.codes.shape != shape:
        raise InputError(f"the decoded image has the shape {result.codes.shape}, the header says {shape}")
    return result


def available_codecs() -> list[CodecState]:
    """Return, for every compressed transfer syntax that lucidray reads, whether its decoder can be imported here."""
    states = []
    for codec in CODECS.values():
        try:
            importlib.import_module(codec.module)
            ok = True
        except ImportError:
            ok = False
        states.append(
            CodecState(codec.name, codec.distribution, ok, None if ok else f"pip install {codec.distribution}")
        )
    return states


def _checked(stream: Codestream, layout: FrameLayout) -> Codestream:
    """Refuse a codestream that is not the image which the header announces."""
    if (stream.rows, stream.columns, stream.samples) != (layout.rows, layout.columns, layout.samples):
        raise InputError(
            f"the compressed image has {stream.rows} x {stream.columns} x {stream.samples} samples, "
            f"the header says {layout.rows} x {layout.columns} x {layout.samples}"
        )
    if not 1 <= stream.bits <= 16:
        raise UnsupportedError(f"its compressed image has {stream.bits} bits a sample")
    return stream


def _shaped(buffer: memoryview, stream: Codestream, *, planar: bool = False) -> Codes:
    """View a decoder's little-endian output as (rows, columns[, samples])."""
    flat: Codes = np.frombuffer(buffer, dtype="u1" if stream.bits <= 8 else "<u2")
    if flat.size != stream.rows * stream.columns * stream.samples:
        raise InputError(f"the compressed image gives {flat.size} samples, another number than it announces")
    if stream.samples == 1:
        return flat.reshape(stream.rows, stream.columns)
    if planar:
        return np.moveaxis(flat.reshape(stream.samples, stream.rows, stream.columns), 0, -1)
    return flat.reshape(stream.rows, stream.columns, stream.samples)


def _decode_jpeg(frame: bytes, layout: FrameLayout) -> Frame:
    """Baseline and extended JPEG; some devices label lossless frames so, which GDCM decodes as well."""
    stream = _checked(read_jpeg(frame), layout)
    if stream.bits > 8 or stream.lossless_jpeg:
        return _decode_with_gdcm(frame, layout)
    image = Image.open(BytesIO(frame), formats=["JPEG"])
    if layout.is_rgb and "adobe_transform" not in image.info:
        image.draft("YCbCr", image.size)  # keeps Pillow from a colour conversion that was never undone
    return Frame(np.asarray(image), stream.bits)


def _decode_with_gdcm(frame: bytes, layout: FrameLayout) -> Frame:
    """Lossless JPEG (process 14) of 2 to 16 bits and extended JPEG of 12 bits."""
    stream = _checked(read_jpeg(frame), layout)
    numbers = (stream.rows, stream.columns, stream.samples, stream.bits, int(stream.lossless_jpeg))
    return _decode_apart("gdcm", frame, stream, *numbers)


def _decode_jpeg_ls(frame: bytes, layout: FrameLayout) -> Frame:
    return _decode_apart("jpeg_ls", frame, _checked(read_jpeg(frame), layout))


def _decode_jpeg2000(frame: bytes, layout: FrameLayout) -> Frame:
    return _decode_apart("openjpeg", frame, _checked(read_jpeg2000(frame), layout))


def _decode_apart(decoder: str, frame: bytes, stream: Codestream, *numbers: int) -> Frame:
    """Decode in a process of its own; see `lucidray.imaging.decoder_process` for why.

    Signed codestreams come as signed integers; the bits are what counts, the DICOM header says how to take them.
    """
    # -P: the script's folder has modules named like some of Python's own.
    command = [sys.executable, "-P", str(Path(__file__).with_name("decoder_process.py")), decoder, *map(str, numbers)]
    seconds = DECODING_SECONDS + DECODING_SECONDS_PER_MEGAPIXEL * stream.rows * stream.columns / 1e6
    try:
        done = subprocess.run(command, input=frame, capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"decoding the pixel data took longer than {seconds:.0f} s") from error
    if done.returncode == MISSING_DECODER:
        raise ImportError(decoder)
    if done.returncode != 0:
        raise InputError("the compressed image in the pixel data is damaged")
    return Frame(_shaped(memoryview(done.stdout)[1:], stream, planar=done.stdout[:1] == b"\1"), stream.bits)


def _decode_rle(frame: bytes, layout: FrameLayout) -> Frame:
    """RLE Lossless (PS3.5 Annex G): one PackBits segment a byte of a sample, most significant first."""
    bytes_per_sample = layout.container_bits // 8
    (count, *offsets) = struct.unpack_from("<16L", frame)
    if count != layout.samples * bytes_per_sample:
        raise InputError(f"the RLE image has {count} segments, the header asks for {layout.samples * bytes_per_sample}")
    size = layout.rows * layout.columns
    ends = [*offsets[1:count], len(frame)]
    segments = [unpack_bits(frame[start:end], size) for start, end in zip(offsets[:count], ends, strict=True)]
    planes = np.stack([np.frombuffer(segment, np.uint8) for segment in reversed(segments)], axis=-1)
    # Reversed: the least significant byte comes first, as in a little-endian number, and the last sample first.
    codes = planes.reshape(layout.rows, layout.columns, layout.samples, bytes_per_sample)[:, :, ::-1]
    dtype = np.dtype(f"<u{bytes_per_sample}")
    whole = np.ascontiguousarray(codes).view(dtype)[..., 0]
    return Frame(whole[..., 0] if layout.samples == 1 else whole, layout.container_bits)


def unpack_bits(segment: bytes, size: int) -> bytes:
    """Undo PackBits, and stop at `size` bytes: a small file cannot ask for more.

    Raises
    ------
    InputError
        The segment holds fewer than `size` bytes.
    """
    out = bytearray()
    position, end = 0, len(segment)
    while position < end and len(out) < size:
        header = segment[position]
        position += 1
        if header < 128:
            out += segment[position : position + header + 1]
            position += header + 1
        elif header > 128:
            out += segment[position : position + 1] * (257 - header)
            position += 1
    if len(out) < size:
        raise InputError(f"the RLE image is cut off: {len(out)} of {size} bytes")
    return bytes(out[:size])


JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
CODECS: dict[str, Codec] = {
    "1.2.840.10008.1.2.5": Codec("RLE Lossless", "lucidray.imaging.codecs", "lucidray", _decode_rle),
    "1.2.840.10008.1.2.4.50": Codec("JPEG Baseline", "PIL.JpegImagePlugin", "pillow", _decode_jpeg),
    JPEG_EXTENDED: Codec("JPEG Extended", "gdcm", "python-gdcm", _decode_jpeg),
    JPEG_LOSSLESS: Codec("JPEG Lossless (Process 14)", "gdcm", "python-gdcm", _decode_jpeg),
    "1.2.840.10008.1.2.4.70": Codec("JPEG Lossless (Process 14, SV1)", "gdcm", "python-gdcm", _decode_jpeg),
    "1.2.840.10008.1.2.4.80": Codec("JPEG-LS Lossless", "jpeg_ls", "pyjpegls", _decode_jpeg_ls),
    "1.2.840.10008.1.2.4.81": Codec("JPEG-LS Near-Lossless", "jpeg_ls", "pyjpegls", _decode_jpeg_ls),
    "1.2.840.10008.1.2.4.90": Codec("JPEG 2000 Lossless", "openjpeg", "pylibjpeg-openjpeg", _decode_jpeg2000),
    "1.2.840.10008.1.2.4.91": Codec("JPEG 2000", "openjpeg", "pylibjpeg-openjpeg", _decode_jpeg2000),
    "1.2.840.10008.1.2.4.201": Codec("HTJ2K Lossless", "openjpeg", "pylibjpeg-openjpeg", _decode_jpeg2000),
    "1.2.840.10008.1.2.4.202": Codec("HTJ2K Lossless RPCL", "openjpeg", "pylibjpeg-openjpeg", _decode_jpeg2000),
    "1.2.840.10008.1.2.4.203": Codec("HTJ2K", "openjpeg", "pylibjpeg-openjpeg", _decode_jpeg2000),
}
