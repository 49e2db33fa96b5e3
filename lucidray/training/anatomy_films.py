"""Films with masks, films without, and pictures that are no chest: what the anatomy network learns from.

A split belongs to the patient (or, where a folder names no patient, to the file name), so that it is the same on every
machine and for every run.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file

from lucidray.domain.errors import InputError
from lucidray.models.prepare import resize
from lucidray.training.anatomy_masks import known_places, mend, pack, read_mask, split_lungs, unpack
from lucidray.training.anatomy_places import PLACES, SIDE_PX

Split = Literal["train", "val", "test"]
Kind = Literal["frontal", "lateral", "not_chest"]
_LUNGS = PLACES[:2]

# Pictures are shared out by hand, not by hash: few as they are, each split needs photographs, textures and slices.
_PHOTOGRAPHS: dict[Split, tuple[str, ...]] = {
    "train": (
        "skimage/data/coffee.png",
        "skimage/data/astronaut.png",
        "skimage/data/gravel.png",
        "skimage/data/brick.png",
        "skimage/data/grass.png",
        "skimage/data/moon.png",
        "skimage/data/text.png",
        "skimage/data/retina.jpg",
        "skimage/data/rocket.jpg",
        "skimage/data/ihc.png",
        "skimage/data/motorcycle_left.png",
        "skimage/data/coins.png",
        "sklearn/datasets/images/china.jpg",
    ),
    "val": ("skimage/data/clock_motion.png", "skimage/data/color.png", "skimage/data/microaneurysms.png"),
    "test": (
        "skimage/data/camera.png",
        "skimage/data/chelsea.png",
        "skimage/data/page.png",
        "skimage/data/horse.png",
        "skimage/data/cell.png",
        "skimage/data/phantom.png",
        "skimage/data/hubble_deep_field.jpg",
        "skimage/data/logo.png",
        "sklearn/datasets/images/flower.jpg",
    ),
}
_SLICES: dict[Split, tuple[str, ...]] = {
    "train": (
        "693_UNCI.dcm",
        "JPEG-LL.dcm",
        "MR-SIEMENS-DICOM-WithOverlays.dcm",
        "US1_UNCR.dcm",
        "OBXXXX1A.dcm",
        "color-pl.dcm",
        "bad_sequence.dcm",
        "eCT_Supplemental.dcm",
        "emri_small.dcm",
        "mlut_18.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "GDCMJ2K_TextGBR.dcm",
    ),
    "val": ("examples_ybr_color.dcm", "SC_rgb.dcm"),
    "test": (
        "RG3_UNCR.dcm",
        "MR2_UNCR.dcm",
        "explicit_VR-UN.dcm",
        "CT_small.dcm",
        "MR_small.dcm",
        "JPGLosslessP14SV1_1s_1f_8b.dcm",
        "gdcm-US-ALOKA-16.dcm",
        "liver.dcm",
        "image_dfl.dcm",
    ),
}


@dataclass(frozen=True, eq=False)
class Film:
    """One picture at the side of the network, with what is known of it.

    `masks` packs the five places into bits (bit i = `PLACES[i]`); `known` says which bits mean anything: a folder
    without clavicle masks must not teach that there are no clavicles. `given` holds the masks as the folder has them
    where they contradict each other and `masks` are mended.
    """

    source: str
    name: str
    kind: Kind
    view: str
    split: Split
    pixels: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8] | None = None
    known: tuple[bool, ...] = (False,) * len(PLACES)
    given: npt.NDArray[np.uint8] | None = None


def split_of(patient: str, test: int, val: int) -> Split:
    """Say which split a patient belongs to.

    Parameters
    ----------
    patient : str
        Patient identifier, or the file name where a folder names no patient.
    test, val : int
        Percent of the patients for test, and for validation.
    """
    place = int(hashlib.sha256(patient.encode()).hexdigest(), 16) % 100
    return "test" if place < test else "val" if place < test + val else "train"


def read_films(data_dir: Path, limit: int | None = None) -> list[Film]:
    """Read every film of the folders described in the data card, and the pictures that are no chest.

    Parameters
    ----------
    data_dir : Path
        Folder with `jsrt`, `wingspan`, `tuberculosis`, `nih`, `nih_small`, `adult_normal`, `paediatric`, `covid`.
    limit : int, optional
        At most this many films of each folder and split (for a quick trial).

    Raises
    ------
    InputError
        A folder is missing.
    """
    films: list[Film] = []
    for read in (_masked, _nih, _paediatric, _adult_normal, _covid, _pictures):
        counts: dict[tuple[str, Split, Kind], int] = {}
        for source, name, kind, view, split, load in read(data_dir):
            group = (source, split, kind)
            if limit is not None and counts.get(group, 0) >= limit:
                continue
            counts[group] = counts.get(group, 0) + 1
            pixels, given = load()
            if not given:
                films.append(Film(source, name, kind, view, split, pixels))
                continue
            mended = mend(given)
            as_given = None if mended is given else pack(given)
            films.append(Film(source, name, kind, view, split, pixels, pack(mended), known_places(given), as_given))
    return without_repeats(films)


def without_repeats(films: list[Film], alike: float = 0.985) -> list[Film]:
    """Drop films of `adult_normal`, whose patients are unknown, that nearly repeat a held-out NIH film.

    Parameters
    ----------
    films : list of Film
        All films of a run.
    alike : float
        Correlation of two films at 32 by 32 pixels from which they count as one.
    """
    held = [film for film in films if film.source in ("nih", "nih_small") and film.split != "train"]
    if not held:
        return films
    known = np.stack([_fingerprint(film) for film in held])
    return [film for film in films if film.source != "adult_normal" or (known @ _fingerprint(film)).max() < alike]


def _fingerprint(film: Film) -> npt.NDArray[np.float32]:
    small = resize(film.pixels.astype(np.float32), 32, 32).ravel()
    small = small - small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


class _Loader:
    """Reads the pixels only when asked, so that a limited run does not read the whole folder."""

    def __init__(self, image: Path, masks: dict[str, Path] | None = None, union: Path | None = None) -> None:
        self.image, self.masks, self.union = image, masks, union

    def __call__(self) -> tuple[npt.NDArray[np.uint8], dict[str, npt.NDArray[np.bool_]]]:
        pixels = to_bytes(read_grey(self.image))
        if self.union is not None:
            return pixels, dict(zip(_LUNGS, split_lungs(read_mask(self.union)), strict=True))
        return pixels, {place: read_mask(path) for place, path in (self.masks or {}).items()}


Entry = tuple[str, str, Kind, str, Split, _Loader]


def _masked(data_dir: Path) -> Iterator[Entry]:
    for folder, places in (("jsrt", PLACES), ("wingspan", PLACES[:3])):
        for image in _images(data_dir / folder):
            masks: dict[str, Path] = {p: data_dir / folder / "masks" / p / f"{image.stem}.png" for p in places}
            yield folder, image.stem, "frontal", "PA", split_of(image.stem, 20, 10), _Loader(image, masks)
    for image in _images(data_dir / "tuberculosis"):
        union = data_dir / "tuberculosis" / "masks" / "lungs" / f"{image.stem}.png"
        source = "montgomery" if image.stem.startswith("MCU") else "shenzhen"
        yield source, image.stem, "frontal", "PA", split_of(image.stem, 20, 10), _Loader(image, union=union)


def _nih(data_dir: Path) -> Iterator[Entry]:
    for folder in ("nih", "nih_small"):
        for row in _rows(data_dir / folder / "labels.csv"):
            image = data_dir / folder / "images" / row["image"]
            yield folder, row["image"], "frontal", row["view"], split_of(row["patient_id"], 20, 12), _Loader(image)


def _paediatric(data_dir: Path) -> Iterator[Entry]:
    for row in _rows(data_dir / "paediatric" / "labels.csv"):
        image = data_dir / "paediatric" / "images" / row["image"]
        yield "paediatric", row["image"], "frontal", "child", split_of(row["patient"], 20, 12), _Loader(image)


def _adult_normal(data_dir: Path) -> Iterator[Entry]:
    for image in _images(data_dir / "adult_normal"):  # patients unknown: never in a test split
        yield "adult_normal", image.name, "frontal", "unknown", "train", _Loader(image)


def _covid(data_dir: Path) -> Iterator[Entry]:
    for row in _rows(data_dir / "covid" / "metadata.csv"):
        image = data_dir / "covid" / "images" / row["file"]
        if not image.exists():
            continue
        # Without a licence, or with one that forbids derivatives, a film may be looked at but not learnt from.
        free = bool(row["license"]) and "ND" not in row["license"]
        split = split_of(row["patientid"], 20, 12) if free else "test"
        kind: Kind = "lateral" if row["view"] == "L" else "frontal"
        yield "covid", row["file"], kind, row["view"], split, _Loader(image)


def _pictures(_: Path) -> Iterator[Entry]:
    for split, names in _PHOTOGRAPHS.items():
        for name in names:
            package, rest = name.split("/", 1)
            yield "photograph", name, "not_chest", "none", split, _Loader(_package_folder(package) / rest)
    for split, names in _SLICES.items():
        for name in names:
            yield "slice", name, "not_chest", "none", split, _Loader(_dicom_path(name))


def read_grey(path: Path) -> npt.NDArray[np.float32]:
    """Read a raster or DICOM file as grey values, bright = dense; the middle frame of several.

    Returns
    -------
    (H, W) float32
        In [0, 255] for raster files; the stored values, MONOCHROME1 negated, for DICOM.
    """
    if path.suffix != ".dcm":
        return np.asarray(Image.open(path).convert("L"), dtype=np.float32)
    dataset = dcmread(path)
    pixels = dataset.pixel_array.astype(np.float32)
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    if frames > 1:
        pixels = pixels[frames // 2]
    if pixels.ndim == 3:
        pixels = pixels.mean(2)
    return -pixels if dataset.PhotometricInterpretation == "MONOCHROME1" else pixels


def dicom_film(name: str) -> npt.NDArray[np.float32]:
    """Read one of pydicom's test files by name, (H, W) float32, bright = dense.

    Raises
    ------
    InputError
        The wheel `pydicom-data` is not installed.
    """
    return read_grey(_dicom_path(name))


def to_bytes(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Shrink to the side of the network and to 8 bits, keeping all but the outermost thousandth of the grey values."""
    small = resize(pixels, SIDE_PX, SIDE_PX)
    low, high = np.percentile(small, (0.1, 99.9))
    stretched = np.clip((small - low) / max(float(high - low), 1e-6), 0, 1)
    return np.asarray(np.round(stretched * 255), np.uint8)


def grey(film: Film) -> npt.NDArray[np.float32]:
    """Return the pixels of a film as (256, 256) float32 in [0, 1]."""
    return film.pixels.astype(np.float32) / np.float32(255)


def masks_of(film: Film, *, given: bool = False) -> npt.NDArray[np.bool_]:
    """Unfold the masks of a film into (5, 256, 256) in the order of `PLACES`; nothing is set without masks.

    Parameters
    ----------
    film : Film
    given : bool
        As the folder has them, even where they contradict each other.
    """
    return unpack(film.given if given and film.given is not None else film.masks)


def _images(folder: Path) -> list[Path]:
    images = sorted((folder / "images").glob("*.jpg"))
    if not images:
        raise InputError(f"no films in {folder / 'images'}")
    return images


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        raise InputError(f"{path} is missing")
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return list(csv.DictReader(file))


def _package_folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise InputError(f"the package {package} is missing: pip install 'lucidray[train]'")
    return Path(found.origin).parent


def _dicom_path(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    if path is None:
        raise InputError(f"{name} is missing: pip install pydicom-data")
    return Path(str(path))
