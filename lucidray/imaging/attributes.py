"""The attributes of a DICOM data set, taken from its bytes without trusting them.

pydicom converts values when they are asked for, and raises or warns on those that do not fit their VR. Here an
attribute that cannot be read is simply not there (text), or not a number (numbers): one bad value must not cost the
film.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lucidray.imaging.source import printable

_BINARY = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "FL": "f4", "FD": "f8"}
_LONGEST_TEXT = 256


@dataclass(frozen=True)
class Attributes:
    """A data set, or an item of a sequence.

    Attributes
    ----------
    dataset : Dataset
    little_endian : bool
    media_class : str
        SOP class in the meta information; DICOMDIRs have no other.
    """

    dataset: Dataset = field(repr=False)
    little_endian: bool
    media_class: str = ""

    def __contains__(self, keyword: str) -> bool:
        """Whether the attribute is there with a value."""
        return bool(self.raw(keyword))

    def raw(self, keyword: str) -> bytes:
        """Return an attribute's value as it is stored; empty where it is missing or a sequence."""
        value = getattr(self._element(keyword), "value", None)
        return value if isinstance(value, bytes) else b""

    def vr(self, keyword: str) -> str:
        """Return the VR that the file states, else the dictionary's."""
        stated = getattr(self._element(keyword), "VR", None)
        return stated if stated not in (None, "UN") else dictionary_VR(keyword)

    def has_undefined_length(self, keyword: str) -> bool:
        """Whether the value was written in fragments, as compressed pixel data is."""
        return getattr(self._element(keyword), "length", 0) == 0xFFFFFFFF

    def text(self, keyword: str) -> str:
        """Return an attribute's text; characters beyond ASCII may be wrong, control characters are gone.

        All that is read this way (codes, dates, UIDs, English key words) is ASCII, so no character set can be a
        problem.
        """
        return printable(self.raw(keyword).decode("latin-1"), _LONGEST_TEXT).strip()

    def texts(self, keyword: str) -> list[str]:
        """Return the values of a multi-valued text attribute; none where it is empty."""
        text = self.text(keyword)
        return [part.strip() for part in text.split("\\")] if text else []

    def numbers(self, keyword: str, *, signed: bool = False) -> list[float]:
        """Return an attribute's numbers; NaN for each that is none.

        Parameters
        ----------
        keyword : str
            Of the attribute.
        signed : bool
            How to take values of attributes that are "US or SS" (padding, LUT descriptors) where the file does not say.
        """
        vr = self.vr(keyword)
        if vr in ("DS", "IS") or vr not in (*_BINARY, "US or SS", "US or OW", "OW"):
            return [_number(part) for part in self.texts(keyword)]
        code = _BINARY.get(vr, "i2" if signed and vr == "US or SS" else "u2")
        dtype = np.dtype(code).newbyteorder("<" if self.little_endian else ">")
        raw = self.raw(keyword)
        return [float(value) for value in np.frombuffer(raw, dtype, count=len(raw) // dtype.itemsize)]

    def number(self, keyword: str, *, signed: bool = False) -> float | None:
        """Return the first number of an attribute, or None where there is none that is finite."""
        numbers = self.numbers(keyword, signed=signed)
        return numbers[0] if numbers and math.isfinite(numbers[0]) else None

    def integer(self, keyword: str, default: int = 0) -> int:
        """Return the first number of an attribute as an integer, `default` where there is none."""
        number = self.number(keyword)
        return default if number is None or not number.is_integer() else int(number)

    def items(self, keyword: str) -> list["Attributes"]:
        """Return the items of a sequence; none where it is missing or damaged."""
        tag = tag_for_keyword(keyword)
        if tag is None or tag not in self.dataset:
            return []
        try:
            sequence = self.dataset[tag].value
        except Exception:
            # pydicom parses a sequence of defined length only now, and raises anything on a damaged one.
            return []
        if not isinstance(sequence, Sequence):
            return []
        return [Attributes(item, self.little_endian) for item in sequence]

    def _element(self, keyword: str) -> object:
        tag = tag_for_keyword(keyword)
        if tag is None or tag not in self.dataset:
            return None
        try:
            return self.dataset.get_item(tag)
        except Exception:
            # pydicom converts elements of undefined length even here, and raises on a VR that does not exist.
            return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
