"""What is no chest radiograph of one frame is refused by name."""

import pytest
from dicom_fixtures import RAMP, SECONDARY_CAPTURE, encode, film_dataset, film_dicom

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.imaging.film import read_film


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", "a CT image (CT Image Storage)"),
        ("1.2.840.10008.5.1.4.1.1.2.1", "a CT image (Enhanced CT Image Storage)"),
        ("1.2.840.10008.5.1.4.1.1.4", "an MR image (MR Image Storage)"),
        ("1.2.840.10008.5.1.4.1.1.6.1", "an ultrasound image (Ultrasound Image Storage)"),
        ("1.2.840.10008.5.1.4.1.1.20", "a nuclear medicine image"),
        ("1.2.840.10008.5.1.4.1.1.128", "a PET image"),
        ("1.2.840.10008.5.1.4.1.1.1.2", "a mammogram"),
        ("1.2.840.10008.5.1.4.1.1.1.3", "an intra-oral radiograph"),
        ("1.2.840.10008.5.1.4.1.1.12.1", "an angiogram"),
        ("1.2.840.10008.5.1.4.1.1.12.2", "a fluoroscopy image"),
        ("1.2.840.10008.5.1.4.1.1.7.2", "a multi-frame image"),
        ("1.2.840.10008.5.1.4.1.1.13.1.3", "a mammogram (Breast Tomosynthesis"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "a structured report"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "a presentation state"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "an encapsulated document (Encapsulated PDF Storage)"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "a segmentation"),
        ("1.2.840.10008.5.1.4.1.1.77.1.4", "a photograph"),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "a waveform"),
        ("1.2.3.4.5.6.7", "another kind of DICOM object (1.2.3.4.5.6.7)"),
    ],
)
def test_other_objects_are_refused_by_name(sop_class: str, words: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read_film(film_dicom(RAMP, SOPClassUID=sop_class, Modality="OT"), name="x.dcm")
    assert f"x.dcm: {words}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("modality", "words"), [("MG", "a mammogram"), ("CT", "a CT image"), ("US", "an ultrasound image")]
)
def test_modality_decides_where_the_class_would_pass(modality: str, words: str) -> None:
    for sop_class in ("1.2.840.10008.5.1.4.1.1.1", SECONDARY_CAPTURE, None):
        with pytest.raises(UnsupportedError, match=words):
            read_film(film_dicom(RAMP, SOPClassUID=sop_class, Modality=modality))


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "OT", None])
def test_secondary_captures_of_films_are_taken_with_a_warning(modality: str | None) -> None:
    film = read_film(film_dicom(RAMP, SOPClassUID=SECONDARY_CAPTURE, Modality=modality))
    assert [note.code for note in film.warnings] == ["secondary_capture"]


def test_frames_are_counted() -> None:
    with pytest.raises(UnsupportedError, match="17 frames"):
        read_film(film_dicom(RAMP, NumberOfFrames="17"))
    assert read_film(film_dicom(RAMP, NumberOfFrames="1")).warnings == ()


def test_an_image_without_pixel_data_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="Pixel Data is missing"):
        read_film(film_dicom(RAMP, PixelData=None))


def test_a_header_that_names_nothing_is_no_image() -> None:
    dataset = film_dataset(RAMP)
    for keyword in ("SOPClassUID", "Modality", "Rows"):
        delattr(dataset, keyword)
    whole = encode(dataset)
    meta_length = int.from_bytes(whole[140:144], "little")
    with pytest.raises(InputError, match="not an image"):
        read_film(whole[144 + meta_length :])


@pytest.mark.parametrize(
    ("syntax", "words"),
    [(b"1.2.840.10008.1.2.4.100", "MPEG2"), (b"1.2.840.10008.1.2.4.107", "HEVC"), (b"1.2.3.999", "1.2.3.999")],
)
def test_unknown_transfer_syntaxes_are_refused_by_name(syntax: bytes, words: str) -> None:
    whole = film_dicom(RAMP)
    plain = b"1.2.840.10008.1.2.1\0"
    assert whole.count(plain) == 1
    header = b"\x02\0\x10\0UI"
    replaced = whole.replace(
        header + len(plain).to_bytes(2, "little") + plain,
        header + (len(syntax) + len(syntax) % 2).to_bytes(2, "little") + syntax + b"\0" * (len(syntax) % 2),
    )
    with pytest.raises(UnsupportedError, match=words):
        read_film(replaced)


def test_compression_that_the_header_denies_is_an_error() -> None:
    whole = film_dicom(RAMP)
    claimed = whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    with pytest.raises(InputError, match="not compressed"):
        read_film(claimed)
