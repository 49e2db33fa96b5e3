"""DICOM files to radiographs."""

import re

from lucidray.domain.note import Note
from lucidray.domain.radiograph import DicomIdentity, Radiograph
from lucidray.imaging.attributes import Attributes
from lucidray.imaging.dicom_file import read_attributes
from lucidray.imaging.dicom_kind import check_kind
from lucidray.imaging.dicom_patient import read_age, read_sex
from lucidray.imaging.dicom_pixels import read_pixels, read_values
from lucidray.imaging.dicom_spacing import read_spacing
from lucidray.imaging.dicom_view import read_laterality, read_orientation, read_view
from lucidray.imaging.limits import Limits
from lucidray.imaging.values import GreyValues


def read_dicom(content: bytes, name: str, limits: Limits) -> Radiograph:
    """Read a computed, direct or digitised radiograph of one frame.

    Parameters
    ----------
    content : bytes
        The whole file, with or without preamble and meta information.
    name : str
        What people call the film.
    limits : Limits
        Checked before anything is decoded.

    Raises
    ------
    UnsupportedError
        Another kind of DICOM object, colour, several frames, or an unknown transfer syntax or depth.
    InputError
        Damaged, cut off, contradictory or beyond the limits.
    """
    attributes, syntax = read_attributes(content, limits)
    kind_notes = check_kind(attributes)
    pixels, pixel_notes = read_pixels(attributes, syntax, limits)
    view, view_notes = read_view(attributes)
    orientation, orientation_notes = read_orientation(attributes, view)
    spacing, spacing_source, spacing_notes = read_spacing(attributes)
    age, age_notes = read_age(attributes)
    notes: list[Note] = [
        *kind_notes,
        *pixel_notes,
        *view_notes,
        *orientation_notes,
        *spacing_notes,
        *age_notes,
    ]
    return Radiograph(
        pixels=pixels,
        name=name,
        format="DICOM",
        view=view,
        laterality=read_laterality(attributes),
        age_years=age,
        sex=read_sex(attributes),
        pixel_spacing_mm=spacing,
        spacing_source=spacing_source,
        orientation=orientation,
        body_part=attributes.text("BodyPartExamined") or None,
        identity=_read_identity(attributes),
        warnings=tuple(notes),
    )


def read_dicom_values(content: bytes, limits: Limits) -> GreyValues:
    """Read the values of a film that `read_dicom` takes; errors are the same."""
    attributes, syntax = read_attributes(content, limits)
    check_kind(attributes)
    return read_values(attributes, syntax, limits)


def read_patient(content: bytes, limits: Limits) -> tuple[str, str]:
    """Return the patient's name and ID as the file has them; readings never keep them."""
    attributes, _ = read_attributes(content, limits)
    return attributes.text("PatientName"), attributes.text("PatientID")


def _read_identity(attributes: Attributes) -> DicomIdentity:
    def uid(keyword: str) -> str | None:
        text = attributes.text(keyword)
        return text if re.fullmatch(r"[0-9.]{1,64}", text) else None

    return DicomIdentity(
        sop_class_uid=uid("SOPClassUID"),
        sop_instance_uid=uid("SOPInstanceUID"),
        series_instance_uid=uid("SeriesInstanceUID"),
        study_instance_uid=uid("StudyInstanceUID"),
    )
