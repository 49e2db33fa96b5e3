"""`read_film`: whatever people have, to a `Radiograph`. What a file is, its content says, never its name."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.limits import DEFAULT_LIMITS, Limits
from lucidray.imaging.quiet import quiet
from lucidray.imaging.source import printable, read_file

if TYPE_CHECKING:
    from lucidray.imaging.values import GreyValues

Source: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[Any]
"""Whatever holds a film: a path, the bytes of a file, a PIL image or an array."""


_LONGEST_MESSAGE = 400
_RASTER = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_TAKES = "lucidray reads DICOM, PNG, JPEG, TIFF and WebP"
_OTHERS = (
    (b"BM", "a BMP image"),
    (b"GIF8", "a GIF image"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"8BPS", "a Photoshop image"),
    (b"\0\0\x01\0", "an icon"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x93NUMPY", "a NumPy array: load it and pass the array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"NRRD", "an NRRD volume"),
    (b"<?xml", "an XML file"),
    (b"<svg", "an SVG drawing"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)
_TEXT_SAMPLE_BYTES = 512


def read_film(
    source: Source,
    *,
    limits: Limits = DEFAULT_LIMITS,
    name: str | None = None,
) -> Radiograph:
    """Read a film.

    Parameters
    ----------
    source : path, bytes, PIL image or array
        A DICOM, PNG, JPEG, TIFF or WebP file or its bytes; a PIL image; an array (H, W), (H, W, 3) or (H, W, 4) of
        integers or floats, bright = dense. Arrays of 8 bits and floats in [0, 1] are taken as they are; anything else
        is stretched from its least to its greatest value.
    limits : Limits
        Checked before anything is decoded.
    name : str, optional
        What people call the film; by default the file's name without its folder.

    Returns
    -------
    Radiograph
        As a viewer shows it. What was odd is in `warnings`.

    Raises
    ------
    UnsupportedError
        Sound, but not a film that lucidray takes: a CT, several frames, a format that it does not read.
    InputError
        Missing, damaged, cut off, too large, or not an image.
    """
    if name is None:
        name = Path(source).name if isinstance(source, str | os.PathLike) else "film"
    name = printable(name) or "film"
    try:
        with quiet():
            return _read(source, name, limits)
    except InputError as error:
        raise type(error)(printable(f"{name}: {error}", _LONGEST_MESSAGE)) from (error.__cause__ or error)


def read_grey_values(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> "GreyValues":
    """Read the bytes of a film as the values of its detector, in the orientation of the stored image.

    Raises
    ------
    InputError, UnsupportedError
        As in `read_film`.
    """
    from lucidray.imaging.values import from_grey  # noqa: PLC0415

    with quiet():
        if content[128:132] != b"DICM":
            if raster_format(content) is not None:
                pixels = _read_bytes(content, "film", limits).pixels
                steps = pixels * np.float32(255)
                return from_grey(pixels, eight_bits=bool(np.all(np.abs(steps - np.rint(steps)) < 1e-3)))
            _refuse_others(content)
        from lucidray.imaging.dicom import read_dicom_values  # noqa: PLC0415

        return read_dicom_values(content, limits)


def _read(source: Any, name: str, limits: Limits) -> Radiograph:
    # Readers are imported where they are needed: pydicom takes a tenth of a second, which a PNG need not wait for.
    if isinstance(source, np.ndarray):
        from lucidray.imaging.array import read_array  # noqa: PLC0415

        return read_array(source, name, limits)
    if isinstance(source, str | os.PathLike):
        return _read_bytes(read_file(Path(source), limits), name, limits)
    if isinstance(source, bytes | bytearray | memoryview):
        limits.check_bytes(len(source))
        return _read_bytes(bytes(source), name, limits)
    if isinstance(source, Image.Image):
        from lucidray.imaging.raster import read_image  # noqa: PLC0415

        return read_image(source, name, limits)
    raise InputError(f"a film is a path, bytes, a PIL image or an array, not {type(source).__name__}")


def _read_bytes(content: bytes, name: str, limits: Limits) -> Radiograph:
    # A DICOM preamble may hold the head of a TIFF file (PS3.10 7.1): its magic word comes first.
    if content[128:132] != b"DICM":
        raster = raster_format(content)
        if raster is not None:
            from lucidray.imaging.raster import read_raster  # noqa: PLC0415

            return read_raster(content, raster, name, limits)
        _refuse_others(content)
    from lucidray.imaging.dicom_file import looks_like_dicom  # noqa: PLC0415

    if looks_like_dicom(content):
        from lucidray.imaging.dicom import read_dicom  # noqa: PLC0415

        return read_dicom(content, name, limits)
    raise InputError(f"not an image that lucidray reads; {_TAKES}")


def raster_format(content: bytes) -> str | None:
    """Return which raster format that lucidray reads a file has, by its first bytes; None where it has another."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    return next((raster for magic, raster in _RASTER if content.startswith(magic)), None)


def _refuse_others(content: bytes) -> None:
    """Refuse by name what is plainly something else."""
    for magic, words in _OTHERS:
        if content[: len(magic)] == magic:
            raise UnsupportedError(f"{words}; {_TAKES}")
    if content[4:8] == b"ftyp":
        raise UnsupportedError(f"a HEIC, AVIF or video file; {_TAKES}")
    if content[:4] == b"RIFF":
        raise UnsupportedError(f"a sound or video file; {_TAKES}")
    if content[344:348] in (b"n+1\0", b"ni1\0"):
        raise UnsupportedError(f"a NIfTI volume; {_TAKES}")
    sample = content[:_TEXT_SAMPLE_BYTES]
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in sample):
        raise InputError(f"a text, not an image that lucidray reads; {_TAKES}")
