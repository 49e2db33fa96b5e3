"""Compressed frames: headers are read before decoders see them, and contradictions never reach one."""

import contextlib
import struct
import subprocess

import jpeg_ls
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openjpeg.utils import encode_array

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.imaging import codecs
from lucidray.imaging.codecs import CODECS, FrameLayout, available_codecs, decode, unpack_bits
from lucidray.imaging.codestream import read_jpeg, read_jpeg2000
from lucidray.imaging.decoder_process import MISSING_DECODER

PIXELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)
LAYOUT = FrameLayout(64, 64, 1, 16)
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"


def jpeg_ls_frame() -> bytes:
    return bytes(jpeg_ls.encode_array(PIXELS))


def jpeg_2000_frame() -> bytes:
    return bytes(encode_array(PIXELS, bits_stored=12, photometric_interpretation=2))


def test_codestream_headers() -> None:
    stream = read_jpeg(jpeg_ls_frame())
    assert (stream.rows, stream.columns, stream.samples) == (64, 64, 1)
    assert not stream.lossless_jpeg
    stream = read_jpeg2000(jpeg_2000_frame())
    assert (stream.rows, stream.columns, stream.samples, stream.bits) == (64, 64, 1, 12)


@pytest.mark.parametrize(("syntax", "frame"), [(JPEG_LS, jpeg_ls_frame()), (JPEG_2000, jpeg_2000_frame())])
def test_frames_that_contradict_the_header_are_refused_undecoded(
    syntax: str, frame: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.testing.assert_array_equal(decode(frame, syntax, LAYOUT).codes, PIXELS)
    monkeypatch.setattr(codecs.subprocess, "run", lambda *_, **__: pytest.fail("a decoder saw the frame"))
    for layout in (FrameLayout(63, 64, 1, 16), FrameLayout(64, 65, 1, 16), FrameLayout(64, 64, 3, 16)):
        with pytest.raises(InputError, match="the header says"):
            decode(frame, syntax, layout)


def test_a_codestream_that_claims_to_be_huge_is_refused_undecoded() -> None:
    frame = bytearray(jpeg_2000_frame())
    struct.pack_into(">2L", frame, frame.index(b"\xff\x51") + 6, 2**31, 2**31)
    with pytest.raises(InputError, match="the header says"):
        decode(bytes(frame), JPEG_2000, LAYOUT)


@pytest.mark.parametrize("syntax", sorted(CODECS))
@pytest.mark.parametrize("frame", [b"", b"\xff\xd8", b"\xff\xd8\xff\xc0", b"\xff\x4f\xff\x51", b"\0" * 100])
def test_noise_is_an_input_error_in_every_syntax(syntax: str, frame: bytes) -> None:
    with pytest.raises(InputError):
        decode(frame, syntax, LAYOUT)


def test_a_missing_decoder_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    def done(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], MISSING_DECODER, b"", b"")

    assert all(state.ok and state.cure is None for state in available_codecs())
    monkeypatch.setattr(codecs.subprocess, "run", done)
    with pytest.raises(UnsupportedError, match="pip install pyjpegls"):
        decode(jpeg_ls_frame(), JPEG_LS, LAYOUT)
    monkeypatch.setattr(codecs.importlib, "import_module", missing)
    states = {state.name: state for state in available_codecs()}
    assert states["JPEG-LS Lossless"].cure == "pip install pyjpegls"
    assert not states["JPEG-LS Lossless"].ok


@pytest.mark.parametrize("returncode", [1, -6, -11, 134])
def test_a_decoder_that_crashes_is_an_input_error(returncode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = subprocess.CompletedProcess([], returncode, b"", b"terminate called")
    monkeypatch.setattr(codecs.subprocess, "run", lambda *_, **__: crashed)
    with pytest.raises(InputError, match="damaged"):
        decode(jpeg_ls_frame(), JPEG_LS, LAYOUT)


def test_a_decoder_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "DECODING_SECONDS", 0.0)
    with pytest.raises(InputError, match="took longer"):
        decode(jpeg_ls_frame(), JPEG_LS, LAYOUT)


def test_unknown_syntax() -> None:
    with pytest.raises(UnsupportedError, match=r"1\.2\.3"):
        decode(b"", "1.2.3", LAYOUT)


def test_pack_bits_of_the_standard() -> None:
    # Literal run of 3, replicate run of 5, a no-operation, then padding that is not reached.
    assert unpack_bits(bytes([2, 1, 2, 3, 252, 9, 128, 0, 7]), 8) == bytes([1, 2, 3, 9, 9, 9, 9, 9])
    with pytest.raises(InputError, match="cut off"):
        unpack_bits(bytes([2, 1, 2, 3]), 4)


@given(st.binary(max_size=300), st.integers(0, 400))
def test_pack_bits_never_gives_more_than_it_was_asked_for(segment: bytes, size: int) -> None:
    with contextlib.suppress(InputError):
        assert len(unpack_bits(segment, size)) == size


def test_rle_refuses_the_wrong_number_of_segments() -> None:
    with pytest.raises(InputError, match="1 segments"):
        decode(struct.pack("<16L", 1, 64, *[0] * 14) + b"\x80" * 10, RLE, LAYOUT)


def test_rle_bombs_stop_at_the_size_of_the_film() -> None:
    segment = bytes([129, 0]) * 1_000_000
    header = struct.pack("<16L", 2, 64, 64 + len(segment), *[0] * 13)
    assert decode(header + segment * 2, RLE, LAYOUT).codes.shape == (64, 64)
