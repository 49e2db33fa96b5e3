"""What pydicom, dcmtk and the encoders make of a film, against what lucidray makes of it."""

import copy
import shutil
import subprocess
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_fixtures import encode, film_dataset, film_dicom, lut_item, pydicom_file, sequence
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_files
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.film import read_film

RNG = np.random.default_rng(7)


def smooth(rows: int = 96, columns: int = 80, top: int = 4095) -> np.ndarray:
    """A picture that lossy codecs keep well: a slope with a bright disc."""
    y, x = np.mgrid[:rows, :columns]
    disc = np.exp(-((y - rows / 2) ** 2 + (x - columns / 3) ** 2) / 200)
    return (top * (0.1 + 0.4 * x / columns + 0.5 * disc)).clip(0, top).astype(np.uint16)


def dcmtk(command: str, *arguments: str | Path) -> None:
    path = shutil.which(command)
    if path is None:
        pytest.skip(f"needs {command} of dcmtk: apt-get install dcmtk")
    subprocess.run([path, *map(str, arguments)], check=True, capture_output=True)


# --- pydicom's modality and VOI transforms ---------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    bits=st.sampled_from([8, 10, 12, 15, 16]),
    signed=st.booleans(),
    slope=st.sampled_from(["1", "0.5", "2.25", "-1"]),
    intercept=st.integers(-2000, 2000),
    center=st.integers(-1000, 5000),
    width=st.integers(1, 6000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID", None]),
    seed=st.integers(0, 1000),
)
def test_windows_are_pydicoms(
    bits: int,
    signed: bool,
    slope: str,
    intercept: int,
    center: int,
    width: int,
    function: str | None,
    seed: int,
) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    pixels = np.random.default_rng(seed).integers(low, high, (16, 16)).astype(np.int16 if signed else np.uint16)
    content = film_dicom(
        pixels,
        BitsStored=bits,
        RescaleSlope=slope,
        RescaleIntercept=str(intercept),
        WindowCenter=str(center),
        WindowWidth=str(width),
        VOILUTFunction=function,
    )
    film = read_film(content)
    if "window_empty" in {note.code for note in film.warnings}:
        return
    dataset = pydicom.dcmread(BytesIO(content))
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    # pydicom maps to the range of stored values after rescale, from its first end to its last.
    ends = (float(slope) * low + intercept, float(slope) * (high - 1) + intercept)
    np.testing.assert_allclose(film.pixels, (shown - ends[0]) / (ends[1] - ends[0]), atol=2e-4)


@pytest.mark.parametrize("first", [0, 100, -50])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_voi_luts_are_pydicoms(first: int, bits: int) -> None:
    count = 200 if bits == 8 else 500
    entries = RNG.integers(0, 2**bits, count)
    entries[0], entries[-1] = 0, 2**bits - 1
    item = lut_item(entries, first, bits, "SS" if first < 0 else "US")
    # pydicom keeps its index in as many bits as the entries have: with 8 it wraps around past 255.
    pixels = RNG.integers(first - 200, first + count + 50, (20, 20)).astype(np.int16)
    content = film_dicom(pixels, BitsStored=16, VOILUTSequence=sequence(item))
    dataset = pydicom.dcmread(BytesIO(content))
    shown = apply_voi_lut(dataset.pixel_array, dataset)
    np.testing.assert_allclose(read_film(content).pixels, shown / (2**bits - 1), atol=1e-6)


@pytest.mark.parametrize("name", ["mlut_18.dcm", "vlut_04.dcm"])
def test_luts_of_real_files_are_pydicoms(name: str) -> None:
    path = pydicom_file(name)
    dataset = pydicom.dcmread(path)
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(float)
    film = read_film(path).pixels
    # Up to the scale, which pydicom leaves open.
    slope, offset = np.polyfit(shown.ravel(), film.ravel(), 1)
    np.testing.assert_allclose(film, shown * slope + offset, atol=1e-5)


# --- one film in every encoding --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rg1() -> Radiograph:
    return read_film(pydicom_file("RG1_UNCR.dcm"))


def test_the_real_chest_film(rg1: Radiograph) -> None:
    assert rg1.pixels.shape == (1955, 1841)
    assert rg1.view == "PA"
    assert rg1.sex == "female"
    assert rg1.age_years == pytest.approx(55.56, abs=0.01)
    assert rg1.orientation == ("L", "F")
    assert rg1.pixel_spacing_mm is None
    assert "spacing_invalid" in {note.code for note in rg1.warnings}
    # MONOCHROME1 of 15 bits, window 15000 / 30000.
    stored = pydicom.dcmread(pydicom_file("RG1_UNCR.dcm")).pixel_array.astype(np.float64)
    np.testing.assert_allclose(rg1.pixels, 1 - np.clip((stored - 14_999.5) / 29_999 + 0.5, 0, 1), atol=1e-6)
    # Bright is dense: the spine and what lies below the diaphragm are brighter than the lungs.
    height, width = rg1.pixels.shape
    lung = rg1.pixels[height // 3 : height // 2, width // 6 : width // 3].mean()
    assert rg1.pixels[height // 3 : height // 2, width * 47 // 100 : width * 53 // 100].mean() > lung


def test_the_real_film_in_jpeg_2000(rg1: Radiograph) -> None:
    np.testing.assert_array_equal(read_film(pydicom_file("RG1_J2KR.dcm")).pixels, rg1.pixels)
    lossy = read_film(pydicom_file("RG1_J2KI.dcm"))
    assert np.abs(lossy.pixels - rg1.pixels).mean() < 0.002
    assert lossy.view == rg1.view


def compressed(dataset: pydicom.Dataset, syntax: str, **options: Any) -> bytes:
    whole = pydicom.dcmread(BytesIO(encode(dataset, ExplicitVRLittleEndian)))
    plugin = {RLELossless: "pydicom", JPEGLSLossless: "pyjpegls", JPEGLSNearLossless: "pyjpegls"}.get(
        syntax, "pylibjpeg"
    )
    whole.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False, **options)
    file = BytesIO()
    whole.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("bits", [8, 10, 12, 15, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_encodings_give_the_same_film(syntax: str, bits: int, signed: bool) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    dtype = f"{'i' if signed else 'u'}{1 if bits == 8 else 2}"
    pixels = RNG.integers(low, high, (33, 47)).astype(dtype)
    pixels[0, :2] = low, high - 1
    dataset = film_dataset(pixels, BitsStored=bits, PhotometricInterpretation="MONOCHROME1", SamplesPerPixel=1)
    if signed and syntax == JPEGLSLossless:
        # JPEG-LS knows no sign: encoders write the bits as they are.
        frame = encapsulate([_jpeg_ls(pixels.view(dtype.replace("i", "u")) & (2**bits - 1), bits)])
        content = _with_pixel_data(dataset, frame, syntax)
    else:
        content = compressed(dataset, syntax)
    np.testing.assert_array_equal(read_film(content).pixels, read_film(encode(dataset)).pixels)


def _jpeg_ls(pixels: np.ndarray, bits: int) -> bytes:
    from pydicom.pixels import get_encoder

    return get_encoder(JPEGLSLossless).encode(
        pixels,
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        samples_per_pixel=1,
        bits_allocated=pixels.dtype.itemsize * 8,
        bits_stored=bits,
        pixel_representation=0,
        photometric_interpretation="MONOCHROME2",
        number_of_frames=1,
    )


def _with_pixel_data(dataset: pydicom.Dataset, frame: bytes, syntax: str) -> bytes:
    dataset = copy.deepcopy(dataset)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = frame
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def test_near_lossless_and_lossy_encodings_stay_close() -> None:
    dataset = film_dataset(smooth())
    plain = read_film(encode(dataset)).pixels
    near = read_film(compressed(dataset, JPEGLSNearLossless, jls_error=3)).pixels
    assert 0 < np.abs(near - plain).max() < 10 / 4095
    lossy = read_film(compressed(dataset, JPEG2000, j2k_cr=[10])).pixels
    assert np.abs(lossy - plain).mean() < 0.01


def test_fragments_of_one_frame_are_joined() -> None:
    dataset = film_dataset(smooth())
    whole = pydicom.dcmread(BytesIO(compressed(dataset, JPEGLSLossless)))
    frame = pydicom.encaps.get_frame(whole.PixelData, 0, number_of_frames=1)
    for has_table in (True, False):
        pieces = encapsulate([frame], fragments_per_frame=3, has_bot=has_table)
        content = _with_pixel_data(dataset, pieces, JPEGLSLossless)
        np.testing.assert_array_equal(read_film(content).pixels, read_film(encode(dataset)).pixels)


def test_baseline_jpeg_of_eight_bits() -> None:
    pixels = (smooth() >> 4).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    content = _with_pixel_data(film_dataset(pixels), encapsulate([file.getvalue()]), JPEGBaseline8Bit)
    expected = np.asarray(Image.open(BytesIO(file.getvalue())))
    np.testing.assert_allclose(
        read_film(content).pixels, (expected - float(expected.min())) / np.ptp(expected), atol=1e-6
    )


# --- dcmtk -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "options", "lossless"),
    [
        ("dcmcjpeg", ["+e1"], True),
        ("dcmcjpeg", ["+el"], True),
        ("dcmcjpeg", ["+el", "+sv", "4"], True),
        ("dcmcjpeg", ["+ee"], False),
        ("dcmcjpeg", ["+eb"], False),
        ("dcmcjpls", ["+el"], True),
        ("dcmcjpls", ["+en"], False),
        ("dcmcrle", [], True),
        ("dcmconv", ["+te"], True),
        ("dcmconv", ["+tb"], True),
        ("dcmconv", ["+ti"], True),
        ("dcmconv", ["+td"], True),
    ],
)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_encodings_of_dcmtk(
    command: str, options: list[str], lossless: bool, bits: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if bits == 16 and options in (["+ee"], ["+eb"]):
        pytest.skip("lossy JPEG ends at 12 bits")
    pixels = smooth(top=2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)
    plain, encoded = tmp_path / "plain.dcm", tmp_path / "encoded.dcm"
    plain.write_bytes(film_dicom(pixels, BitsStored=bits, WindowCenter=str(2 ** (bits - 1)), WindowWidth=str(2**bits)))
    dcmtk(command, *options, plain, encoded)
    if lossless:
        np.testing.assert_array_equal(read_film(encoded).pixels, read_film(plain).pixels)
    else:
        # Exactly what dcmtk decodes from its own file; some encoders also rewrite depth and window.
        decoded = tmp_path / "decoded.dcm"
        dcmtk("dcmdjpls" if command == "dcmcjpls" else "dcmdjpeg", encoded, decoded)
        np.testing.assert_allclose(read_film(encoded).pixels, read_film(decoded).pixels, atol=1.5 / 255)
        assert np.abs(read_film(encoded).pixels - read_film(plain).pixels).mean() < 0.02
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": "1500", "WindowWidth": "1000"},
        {"WindowCenter": "1500", "WindowWidth": "1000", "VOILUTFunction": "SIGMOID"},
        {"RescaleSlope": "2", "RescaleIntercept": "-500", "WindowCenter": "2000", "WindowWidth": "3000"},
        {"BitsStored": 15, "WindowCenter": "2000", "WindowWidth": "4000"},
    ],
)
def test_pictures_of_dcmtk(photometric: str, attributes: dict[str, Any], tmp_path: Path) -> None:
    content = film_dicom(smooth(), PhotometricInterpretation=photometric, **attributes)
    (tmp_path / "film.dcm").write_bytes(content)
    dcmtk("dcm2pnm", "+Wi", "1", "+op", tmp_path / "film.dcm", tmp_path / "film.pgm")
    drawn = np.asarray(Image.open(tmp_path / "film.pgm")) / 255
    np.testing.assert_allclose(read_film(content).pixels, drawn, atol=2 / 255)


# --- every file that comes with pydicom ------------------------------------------------------------------------------


def test_every_file_of_pydicom_is_a_film_or_an_input_error(capfd: pytest.CaptureFixture[str]) -> None:
    paths = [Path(path) for path in get_testdata_files() if Path(path).stat().st_size < 600_000]
    assert len(paths) > 100
    films = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in paths:
            try:
                film = read_film(path)
            except InputError as error:
                assert str(error).isprintable()
                continue
            films += 1
            assert film.pixels.ndim == 2
            assert np.isfinite(film.pixels).all()
            assert film.pixels.min() >= 0
            assert film.pixels.max() <= 1
    assert films >= 8
    assert capfd.readouterr() == ("", "")
