"""DICOM files made to order: real headers around synthetic pixels."""

import copy
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def film_dataset(pixels: np.ndarray = RAMP, **attributes: Any) -> Dataset:
    """A computed radiograph: 12 bits in 16, MONOCHROME2, the values of `pixels` as its stored values.

    Attributes are given by keyword; None removes one that is there by default; a string is written as it is.
    """
    pixels = np.asarray(pixels)
    dataset = Dataset()
    defaults: dict[str, Any] = {
        "SOPClassUID": CR,
        "SOPInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "Modality": "CR",
        "PatientName": "Secret^Name",
        "PatientID": "SECRET-ID",
        "BodyPartExamined": "CHEST",
        "SamplesPerPixel": 1 if pixels.ndim == 2 else pixels.shape[2],
        "PhotometricInterpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": pixels.dtype.itemsize * 8,
        "BitsStored": 8 if pixels.dtype.itemsize == 1 else 12,
        "PixelRepresentation": 1 if pixels.dtype.kind == "i" else 0,
        "PixelData": pixels.tobytes(),
    }
    if pixels.ndim == 3:
        defaults["PlanarConfiguration"] = 0
    defaults |= attributes
    if "HighBit" not in defaults and defaults["BitsStored"] is not None:
        defaults["HighBit"] = max(defaults["BitsStored"] - 1, 0)
    for keyword, value in defaults.items():
        if value is not None:
            put(dataset, keyword, value)
    return dataset


def put(dataset: Dataset, keyword: str, value: Any) -> None:
    """Set an attribute; a string goes in unchecked."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    vr = dictionary_VR(tag)
    if keyword == "PixelData":
        vr = "OW" if dataset.BitsAllocated > 8 else "OB"
    elif vr == "US or SS":
        vr = "SS" if dataset.get("PixelRepresentation") == 1 or (isinstance(value, int) and value < 0) else "US"
    # Decimal strings would be converted, and wrong ones refused.
    unchecked = isinstance(value, str) and vr in ("DS", "IS")
    dataset[tag] = DataElement(tag, vr, value, already_converted=unchecked, validation_mode=IGNORE)


def lut_item(entries: Any, first: int, bits: int, vr: str = "US") -> Dataset:
    """An item of a Modality or VOI LUT Sequence."""
    item = Dataset()
    entries = np.asarray(entries, dtype=np.uint16)
    item.add_new("LUTDescriptor", vr, [len(entries) % 65_536, first, bits])
    item.add_new("LUTData", "OW", entries.tobytes())
    return item


def encode(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Write a data set as a DICOM file in an uncompressed transfer syntax."""
    dataset = copy.deepcopy(dataset)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CR)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4")
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def film_dicom(pixels: np.ndarray = RAMP, **attributes: Any) -> bytes:
    """A computed radiograph as the bytes of an explicit little endian file; see `film_dataset`."""
    return encode(film_dataset(pixels, **attributes))


def sequence(*items: Dataset) -> Sequence:
    """A sequence of items."""
    return Sequence(items)


def code_item(value: str, scheme: str = "SCT", **attributes: Any) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "meaning"
    for keyword, inner in attributes.items():
        setattr(item, keyword, inner)
    return item


def pydicom_file(name: str) -> Path:
    """A test file that comes with pydicom or pydicom-data; skips where it is not there. Never fetches one."""
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"needs {name}: pip install pydicom-data")
    return Path(str(path))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    import zlib

    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))
