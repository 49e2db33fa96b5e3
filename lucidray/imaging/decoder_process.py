"""Decode one compressed frame in a process of its own.

GDCM ends its process on some damaged frames, CharLS takes ten seconds for two kilobytes of others, and both write to
stderr. A server or a batch must survive that, so these C++ decoders run apart, where a crash is an error message and a
loop has a time limit.

This file is run as a script (``python -P decoder_process.py DECODER NUMBER... < frame > pixels``) and imports nothing
of lucidray: it starts in the time that the decoder takes to load. It writes one byte (1 where colour comes plane by
plane), then the samples, little endian, in one or two bytes each.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

MISSING_DECODER = 3
_LARGEST_BYTES = 4 * 2**30

Decoded = tuple[bytes | bytearray, bool]


def _with_gdcm(frame: bytes, *facts: int) -> Decoded:
    rows, columns, samples, bits, lossless = facts
    gdcm: Any = import_module("gdcm")

    # GDCM picks its 8-, 12- or 16-bit build of libjpeg from Bits Allocated. Lossy 12-bit frames need the 12-bit build,
    # lossless frames of any depth the container's.
    container = bits if not lossless else 8 if bits <= 8 else 16
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    space = gdcm.PhotometricInterpretation.GetPIType("RGB" if samples == 3 else "MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(space))
    syntax = "1.2.840.10008.1.2.4.57" if lossless else "1.2.840.10008.1.2.4.51"
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(samples, container, bits, bits - 1, 0))
    return image.GetBuffer().encode("utf-8", "surrogateescape"), False


def _with_jpeg_ls(frame: bytes) -> Decoded:
    jpeg_ls: Any = import_module("jpeg_ls")

    pixels, facts = jpeg_ls.decode_pixel_data(frame)
    return pixels, facts["components"] > 1 and facts["interleave_mode"] == 0


def _with_openjpeg(frame: bytes) -> Decoded:
    openjpeg: Any = import_module("openjpeg")

    return openjpeg.decode_pixel_data(frame, version=2), False


def _limit_memory() -> None:
    """Where the system can, keep a damaged frame from asking for more memory than any film needs."""
    try:
        import resource  # noqa: PLC0415
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > _LARGEST_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (_LARGEST_BYTES, hard))


def main(decoder: str, *numbers: str) -> int:
    """Decode stdin to stdout."""
    _limit_memory()
    decoders: dict[str, Callable[..., Decoded]] = {
        "gdcm": _with_gdcm,
        "jpeg_ls": _with_jpeg_ls,
        "openjpeg": _with_openjpeg,
    }
    try:
        pixels, planar = decoders[decoder](sys.stdin.buffer.read(), *map(int, numbers))
    except ImportError:
        return MISSING_DECODER
    sys.stdout.buffer.write(b"\1" if planar else b"\0")
    sys.stdout.buffer.write(pixels)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
