"""Whatever bytes come in, a film or an error of ours comes out: no crash, no wait, no terabyte."""

import contextlib
from functools import cache
from io import BytesIO

import numpy as np
import pydicom
import pytest
from dicom_fixtures import RAMP, film_dicom, lut_item, pydicom_file, sequence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.encaps import get_frame
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from lucidray.domain.errors import InputError
from lucidray.imaging.codecs import FrameLayout, decode
from lucidray.imaging.film import read_film
from lucidray.imaging.limits import Limits

LIMITS = Limits(max_bytes=4_000_000, max_pixels=2_000_000)
FUZZ = settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow])


def check(content: bytes) -> None:
    try:
        film = read_film(content, limits=LIMITS)
    except InputError as error:
        assert str(error).isprintable()
        return
    assert film.pixels.dtype == np.float32
    assert film.pixels.ndim == 2
    assert film.pixels.size
    assert np.isfinite(film.pixels).all()
    assert film.pixels.min() >= 0
    assert film.pixels.max() <= 1
    if film.pixel_spacing_mm is not None:
        assert all(0.01 <= length <= 5 for length in film.pixel_spacing_mm)
    if film.age_years is not None:
        assert 0 <= film.age_years <= 120
    assert all(note.message.isprintable() for note in film.warnings)


@cache
def seeds() -> dict[str, bytes]:
    """Small valid files of every kind."""
    small = RAMP[:32, :32]
    rich = film_dicom(
        small,
        WindowCenter=["2000", "1000"],
        WindowWidth=["3000", "500"],
        RescaleSlope="2",
        RescaleIntercept="-100",
        PixelSpacing=["0.2", "0.2"],
        ViewPosition="PA",
        PatientAge="045Y",
        PatientOrientation=["L", "F"],
        PixelPaddingValue=3,
        VOILUTSequence=sequence(lut_item(np.arange(64), 0, 8)),
    )
    files = {"dicom": rich, "bare dicom": rich[132:]}
    for syntax, plugin in ((JPEG2000Lossless, "pylibjpeg"), (JPEGLSLossless, "pyjpegls"), (RLELossless, "pydicom")):
        whole = pydicom.dcmread(BytesIO(film_dicom(small)))
        whole.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        file = BytesIO()
        whole.save_as(file)
        files[syntax.keyword] = file.getvalue()
    for kind in ("PNG", "JPEG", "TIFF", "WebP"):
        file = BytesIO()
        Image.fromarray((small // 2).astype(np.uint8)).save(file, kind)
        files[kind] = file.getvalue()
    file = BytesIO()
    Image.fromarray(small).save(file, "TIFF", compression="tiff_lzw")
    files["TIFF of 16 bits"] = file.getvalue()
    return files


# Each of these starts a decoder's process for an example.
FEW = settings(FUZZ, max_examples=12, deadline=None)
COMPRESSED = ["JPEG2000Lossless", "JPEGLSLossless"]
KINDS = ["dicom", "bare dicom", "RLELossless", "PNG", "JPEG", "TIFF", "WebP", "TIFF of 16 bits"]


def test_the_seeds_are_films() -> None:
    assert sorted(seeds()) == sorted([*KINDS, *COMPRESSED])
    for content in seeds().values():
        assert read_film(content, limits=LIMITS).pixels.shape == (32, 32)


@FUZZ
@given(st.binary(max_size=600))
def test_random_bytes(content: bytes) -> None:
    check(content)


@FUZZ
@given(
    magic=st.sampled_from(
        [
            *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"RIFF\x40\0\0\0WEBP", b"\0" * 128 + b"DICM"),
            *(b"\x08\0\x05\0CS", b"\x08\0\x16\0UI", b"\x02\0\0\0UL\x04\0", b"\0\x08\0\x16UI", b"\x08\0\0\0\x04\0\0\0"),
        ]
    ),
    rest=st.binary(max_size=400),
)
def test_random_bytes_behind_a_magic_word(magic: bytes, rest: bytes) -> None:
    check(magic + rest)


@pytest.mark.parametrize("kind", KINDS)
def test_files_cut_off_at_any_byte(kind: str) -> None:
    whole = seeds()[kind]
    for end in range(0, len(whole), max(1, len(whole) // 300)):
        check(whole[:end])


@pytest.mark.parametrize("kind", COMPRESSED)
@FEW
@given(data=st.data())
def test_compressed_files_with_bytes_exchanged(kind: str, data: st.DataObject) -> None:
    exchange_bytes(kind, data)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(data=st.data())
def test_files_with_bytes_exchanged(kind: str, data: st.DataObject) -> None:
    exchange_bytes(kind, data)


def exchange_bytes(kind: str, data: st.DataObject) -> None:
    content = bytearray(seeds()[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF]) | st.integers(0, 255))
    check(bytes(content))


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(data=st.data())
def test_files_with_parts_removed_doubled_or_replaced(kind: str, data: st.DataObject) -> None:
    whole = seeds()[kind]
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 64)))
    middle = data.draw(st.sampled_from([b"", whole[start:end] * 2]) | st.binary(max_size=64))
    check(whole[:start] + middle + whole[end:])


@FUZZ
@given(data=st.data())
def test_the_header_of_a_real_film_with_bytes_exchanged(data: st.DataObject) -> None:
    whole = pydicom_file("RG1_UNCR.dcm").read_bytes()
    start = whole.index(b"\xe0\x7f\x10\0OW")
    header = bytearray(whole[:start])
    for _ in range(data.draw(st.integers(1, 8))):
        header[data.draw(st.integers(128, len(header) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(header) + b"\xe0\x7f\x10\0OW\0\0" + (2000).to_bytes(4, "little") + bytes(range(250)) * 8)


TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\\"), max_size=16)


@FUZZ
@given(
    view=TEXT,
    age=TEXT,
    spacing=TEXT,
    birth=TEXT,
    window=st.tuples(TEXT, TEXT) | st.tuples(st.floats(), st.floats()).map(lambda pair: tuple(map(str, pair))),
    slope=TEXT | st.floats().map(str),
    padding=st.integers(0, 65_535),
)
def test_any_text_in_the_attributes_that_are_read(
    view: str, age: str, spacing: str, birth: str, window: tuple[str, str], slope: str, padding: int
) -> None:
    whole = film_dicom(
        RAMP[:4, :4],
        SpecificCharacterSet="ISO_IR 100",
        ViewPosition=view,
        PatientAge=age,
        PatientBirthDate=birth,
        PixelSpacing=spacing,
        WindowCenter=window[0],
        WindowWidth=window[1],
        RescaleSlope=slope,
        PixelPaddingValue=padding,
        PatientOrientation=f"{view}\\{age}",
        SeriesDescription=view,
    )
    check(whole)


def test_deeply_nested_sequences_are_an_error() -> None:
    item = b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    nest = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff" + item
    head = film_dicom(RAMP)[:400].split(b"\x08\0\x16\0", 1)[0]
    check(head + nest * 5000)


def test_damaged_frames_never_end_this_process_nor_write_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    path = pydicom_file("JPGLosslessP14SV1_1s_1f_8b.dcm")
    frame = get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1)
    layout = FrameLayout(768, 1024, 1, 8)
    assert decode(frame, "1.2.840.10008.1.2.4.70", layout).codes.shape == (768, 1024)
    random = np.random.default_rng(3)
    for _ in range(12):
        damaged = bytearray(frame)
        for place in random.integers(2, 200, 5):
            damaged[place] = random.integers(256)
        with contextlib.suppress(InputError):
            decode(bytes(damaged[: random.integers(200, len(damaged))]), "1.2.840.10008.1.2.4.70", layout)
    assert capfd.readouterr() == ("", "")
