"""The bytes of a DICOM file as a data set, with or without preamble, meta information and deflation.

References
----------
DICOM PS3.10 7.1 (preamble and meta information), PS3.5 A.5 (deflation)
"""

import struct
import zlib
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from lucidray.domain.errors import InputError
from lucidray.imaging.attributes import Attributes
from lucidray.imaging.limits import Limits

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG)

_PREAMBLE_BYTES = 132
_MAGIC = b"DICM"
# Without a preamble a file counts as DICOM if it opens with an element of one of these groups ...
_FIRST_GROUPS = (0x0002, 0x0008)
# ... whose number is one that data sets begin with (group length, version, class; character set, image type).
_FIRST_ELEMENTS = range(0x0020)
_LONGEST_FIRST_VALUE = 1024


def looks_like_dicom(content: bytes) -> bool:
    """Whether the bytes open like a DICOM file, with a preamble or with a plausible first element."""
    return content[128:_PREAMBLE_BYTES] == _MAGIC or _guess_syntax(content) is not None


def read_attributes(content: bytes, limits: Limits) -> tuple[Attributes, str]:
    """Parse a DICOM file.

    Parameters
    ----------
    content : bytes
        The whole file.
    limits : Limits
        `max_bytes` holds for the inflated data set too.

    Returns
    -------
    The data set's attributes, and the transfer syntax UID (guessed where the file does not say).

    Raises
    ------
    InputError
        Cut off within the header, damaged, or larger than the limit once inflated.
    """
    start = _PREAMBLE_BYTES if content[128:_PREAMBLE_BYTES] == _MAGIC else 0
    try:
        meta, start = _read_meta(content, start)
        rest = memoryview(content)[start:]
        syntax = meta.text("TransferSyntaxUID") or _guess_syntax(bytes(rest[:16])) or EXPLICIT_LITTLE
        # BytesIO shares the memory of a bytes object that it is given whole; only a deflated data set is copied.
        file = BytesIO(_inflate(rest, limits)) if syntax == DEFLATED else BytesIO(content)
        if syntax != DEFLATED:
            file.seek(start)
        dataset = read_dataset(file, syntax == IMPLICIT_LITTLE, syntax != EXPLICIT_BIG)
    except InputError:
        raise
    except Exception as error:
        # pydicom raises whatever the damage leads to: struct.error, KeyError, ValueError, RecursionError ...
        raise InputError("the DICOM header is damaged") from error
    media_class = meta.text("MediaStorageSOPClassUID")
    return Attributes(dataset, little_endian=syntax != EXPLICIT_BIG, media_class=media_class), syntax


def _read_meta(content: bytes, start: int) -> tuple[Attributes, int]:
    """Read group 0002, which is always explicit little endian, and say where it ends."""
    file = BytesIO(content)
    file.seek(start)
    if content[start : start + 2] != b"\x02\x00":
        return Attributes(Dataset(), little_endian=True), start
    meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    return Attributes(meta, little_endian=True), file.tell()


def _inflate(deflated: memoryview, limits: Limits) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(deflated, limits.max_bytes + 1)
    limits.check_bytes(len(inflated))
    return inflated


def _guess_syntax(content: bytes) -> str | None:
    """Return the transfer syntax that the first element is written in, or None where it is no DICOM element."""
    if len(content) < 8:
        return None
    for order, explicit in (("<", EXPLICIT_LITTLE), (">", EXPLICIT_BIG)):
        group, element = struct.unpack_from(f"{order}HH", content)
        if group not in _FIRST_GROUPS or element not in _FIRST_ELEMENTS:
            continue
        if content[4:6].isalpha() and content[4:6].isupper():
            return explicit
        (length,) = struct.unpack_from("<L", content, 4)
        if order == "<" and length <= _LONGEST_FIRST_VALUE:
            return IMPLICIT_LITTLE
    return None
