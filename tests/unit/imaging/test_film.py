"""The entry: what a source is, limits, names and messages."""

import os
import socket
import struct
import subprocess
import sys
import time
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from dicom_fixtures import RAMP, encode, film_dataset, film_dicom, png_chunk
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.imaging.film import read_film
from lucidray.imaging.limits import Limits


def png(width: int = 4, height: int = 3) -> bytes:
    file = BytesIO()
    Image.new("L", (width, height), 100).save(file, "PNG")
    return file.getvalue()


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    lying = tmp_path / "chest.png"
    lying.write_bytes(film_dicom(RAMP))
    assert read_film(lying).format == "DICOM"
    lying = tmp_path / "chest.dcm"
    lying.write_bytes(png())
    assert read_film(str(lying)).format == "PNG"
    lying.write_text("findings: clear lungs\n" * 40)
    with pytest.raises(InputError, match=r"chest\.dcm: a text, not an image that lucidray reads"):
        read_film(lying)


def test_names_are_the_files_without_folder_and_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31mb\nc\u202egnp.png"
    path.write_bytes(png())
    name = read_film(path).name
    assert name.isprintable()
    assert str(tmp_path) not in name
    assert read_film(png()).name == "film"
    assert read_film(png(), name="Mrs\x00 X").name == "Mrs X"


def test_errors_are_one_printable_line_with_their_cause(tmp_path: Path) -> None:
    path = tmp_path / "evil\n\x1b[2J.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    with pytest.raises(InputError) as caught:
        read_film(path)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith("evil [2J.png: ")
    assert str(tmp_path) not in message
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"BM" + b"\0" * 200, "BMP"),
        (b"GIF89a" + b"\0" * 200, "GIF"),
        (b"%PDF-1.7\n" + b"\xff" * 200, "PDF"),
        (b"PK\x03\x04" + b"\0" * 200, "ZIP"),
        (b"\x1f\x8b\x08" + b"\0" * 200, "gzip"),
        (b"\x93NUMPY" + b"\0" * 200, "NumPy"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 200, "HEIC"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 200, "JPEG 2000"),
        (b"\0" * 344 + b"n+1\0", "NIfTI"),
        (b"RIFF\0\0\0\0WAVE", "sound"),
        (b"<svg xmlns='x'>", "SVG"),
    ],
)
def test_other_formats_are_refused_by_name(content: bytes, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        read_film(content)


@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff" * 50, b"\x08\0\x05\0" * 50, b"\0", b"\0" * 500, b"DICM"])
def test_noise_is_no_image(content: bytes) -> None:
    with pytest.raises(InputError, match=r"not an image|header is damaged|names no kind"):
        read_film(content)


def test_empty_and_missing(tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    for source, words in (
        (tmp_path / "empty.dcm", r"empty\.dcm: the file is empty"),
        (b"", "empty"),
        (tmp_path / "none.dcm", "no such file"),
        (tmp_path, "is a folder"),
        ("nul\0byte", "not a valid path"),
        ("x" * 5000, "cannot be opened"),
    ):
        with pytest.raises(InputError, match=words):
            read_film(source)


@pytest.mark.parametrize("source", [None, 3, 2.5, [1, 2], {"a": 1}])
def test_what_is_no_source_is_named(source: object) -> None:
    with pytest.raises(InputError, match=type(source).__name__):
        read_film(source)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes and devices")
def test_pipes_sockets_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    address = tmp_path / "sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address))
    start = time.monotonic()
    for path in (tmp_path / "pipe", address, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(InputError, match=r"not a file|cannot be opened"):
            read_film(path)
    listener.close()
    assert time.monotonic() - start < 60


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "locked.dcm"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputError, match="no permission"):
        read_film(path)


def test_a_huge_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.dcm"
    with path.open("wb") as file:
        file.truncate(2**36)
    start = time.process_time()
    with pytest.raises(InputError, match="limit"):
        read_film(path)
    assert time.process_time() - start < 3


def test_limits_hold_for_bytes_and_pixels_of_every_source() -> None:
    small = Limits(max_bytes=1000, max_pixels=100)
    for source in (b"\0" * 1001, png(11, 10), np.zeros((11, 10)), Image.new("L", (11, 10))):
        with pytest.raises(InputError, match="limit"):
            read_film(source, limits=small)
    assert read_film(png(10, 10), limits=small).pixels.shape == (10, 10)
    with pytest.raises(InputError, match="limit"):
        read_film(film_dicom(RAMP), limits=Limits(max_pixels=100))


def test_headers_that_announce_huge_images_are_refused_before_decoding() -> None:
    header = struct.pack(">LLBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    lying = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
    bomb = lying.replace(header, struct.pack(">LLBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0))
    start = time.process_time()
    for content in (lying, bomb, film_dicom(RAMP, Rows=20_000, Columns=20_000)):
        with pytest.raises(InputError):
            read_film(content)
    assert time.process_time() - start < 3


def test_deflated_bombs_stop_at_the_limit() -> None:
    dataset = film_dataset(np.zeros((2000, 2000), np.uint16))
    whole = encode(dataset, DeflatedExplicitVRLittleEndian)
    assert len(whole) < 20_000
    with pytest.raises(InputError, match="limit"):
        read_film(whole, limits=Limits(max_bytes=1_000_000))


def test_png_text_bombs_are_read_or_refused_but_never_inflated() -> None:
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 50_000_000))
    plain = png()
    content = plain[:33] + bomb + plain[33:]
    start = time.process_time()
    with pytest.raises(InputError, match="damaged"):
        read_film(content)
    assert time.process_time() - start < 3


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    noisy = film_dicom(RAMP, PixelSpacing="abc\\def", PatientAge="old", SpecificCharacterSet="NONSENSE", Rows=32)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        read_film(noisy)
        for cut in (200, 400, 700):
            with pytest.raises(InputError):
                read_film(noisy[:cut])
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def test_warnings_of_others_come_back_after_reading() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_film(film_dicom(RAMP))
        warnings.warn("still heard", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["still heard"]


def test_rasters_need_no_dicom_library() -> None:
    program = (
        "import sys, numpy as np\n"
        "from lucidray.imaging.film import read_film\n"
        "read_film(np.zeros((4, 4)))\n"
        "assert not {'pydicom', 'gdcm', 'openjpeg', 'jpeg_ls'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
