"""Drawn organs on disk: `images/NAME.*` and `masks/<organ>/NAME.png`, as JSRT with SCR masks and the others come.

Organs: right_lung, left_lung, heart, right_clavicle, left_clavicle (the patient's sides), and lungs: both in one image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from lucidray.domain.anatomy import ORGANS
from lucidray.domain.errors import InputError
from lucidray.models.prepare import resize

LUNGS = "lungs"
Mask = npt.NDArray[np.bool_]
_SOURCES = {"CHNCXR": "shenzhen", "MCUCXR": "montgomery"}


@dataclass(frozen=True)
class MaskedFilm:
    """A film with the files of its masks, by organ."""

    key: str
    path: Path
    source: str
    masks: dict[str, Path]


def find(folders: Sequence[Path]) -> tuple[list[MaskedFilm], list[str]]:
    """List the films of folders with masks; films without any mask are named in the second list.

    Raises
    ------
    InputError
        A folder has no `images` or no `masks` of an organ that is known, or there is no film with masks.
    """
    films, without = [], []
    for folder in folders:
        images, masks = folder / "images", folder / "masks"
        organs = [name for name in (*ORGANS, LUNGS) if (masks / name).is_dir()]
        if not images.is_dir() or not organs:
            raise InputError(
                f"{folder} has not the layout images/NAME.* and masks/<organ>/NAME.png"
                f" (organs: {', '.join((*ORGANS, LUNGS))})"
            )
        for path in sorted(images.iterdir()):
            if path.name.startswith(".") or not path.is_file():
                continue
            found = {organ: masks / organ / f"{path.stem}.png" for organ in organs}
            there = {organ: mask for organ, mask in found.items() if mask.is_file()}
            key = f"{folder.resolve().name}/{path.name}"
            if there:
                source = _SOURCES.get(path.name.split("_")[0], folder.resolve().name)
                films.append(MaskedFilm(key, path, source, there))
            else:
                without.append(key)
    if not films:
        raise InputError("there is no film with masks")
    return films, without


def read_mask(path: Path, height: int, width: int) -> Mask:
    """Read a mask onto a grid: a place belongs to it where it covers more than half of the place.

    Raises
    ------
    InputError
        The file is no image.
    """
    try:
        with Image.open(path) as image:
            values = np.asarray(image.convert("L"), dtype=np.float32)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"the mask {path.name} cannot be read: {error}") from error
    return resize((values > 127).astype(np.float32), width, height) > 0.5
