"""Masks of organs as people drew them: read, told apart, mended where they contradict each other, packed into bits."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from lucidray.domain.errors import InputError
from lucidray.models.prepare import resize
from lucidray.training.anatomy_places import PLACES, SIDE_PX

Mask = npt.NDArray[np.bool_]
_RIGHT, _LEFT, _HEART = PLACES[:3]
# Outlines drawn by hand overlap by a few pixels; beyond this share of the heart one was drawn through the other.
_MAY_OVERLAP = 0.03


def read_mask(path: Path) -> Mask:
    """Read a mask as (256, 256) bool."""
    mask = np.asarray(Image.open(path).convert("L"), dtype=np.float32)
    return np.asarray(resize(mask, SIDE_PX, SIDE_PX) > 127)


def mend(masks: dict[str, Mask]) -> dict[str, Mask]:
    """Return masks that do not contradict each other; the same object where they did not.

    Two faults occur in the Wingspan folder. The files of heart and left lung are exchanged: then the "heart" lies
    beside the "left lung" on the image's right. And a lung is outlined straight through the heart's shadow, while
    everybody else (JSRT, and most of Wingspan) draws it along the heart's border: the place is the heart's.

    Parameters
    ----------
    masks : dict
        (256, 256) bool each, by `PLACES`.
    """
    if not {_RIGHT, _LEFT, _HEART} <= masks.keys():
        return masks
    mended = dict(masks)
    columns = {place: float(mended[place].nonzero()[1].mean()) for place in (_LEFT, _HEART) if mended[place].any()}
    if len(columns) == 2 and columns[_HEART] > columns[_LEFT]:
        mended[_HEART], mended[_LEFT] = mended[_LEFT], mended[_HEART]
    heart = mended[_HEART]
    for lung in (_RIGHT, _LEFT):
        if (mended[lung] & heart).sum() > _MAY_OVERLAP * heart.sum():
            mended[lung] = mended[lung] & ~heart
    changed = any(mended[place] is not masks[place] for place in masks)
    return mended if changed else masks


def split_lungs(union: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Part a mask of both lungs into image-left (the patient's right) and image-right.

    Every connected part goes to the side of the vertical line half-way between the two largest parts.

    Raises
    ------
    InputError
        Fewer than two parts.
    """
    labels, count = ndimage.label(union)
    if count < 2:
        raise InputError("the lungs of this mask cannot be told apart: they are one connected region")
    sizes = np.bincount(labels.ravel())[1:]
    columns = np.array([x for _, x in ndimage.center_of_mass(union, labels, range(1, count + 1))])
    middle = columns[np.argsort(sizes)[-2:]].mean()
    left = np.isin(labels, 1 + np.flatnonzero(columns < middle))
    return left, union & ~left


def pack(masks: Mapping[str, Mask]) -> npt.NDArray[np.uint8]:
    """Fold masks into one (256, 256) uint8: bit i is `PLACES[i]`."""
    packed = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for bit, place in enumerate(PLACES):
        if place in masks:
            packed |= masks[place].astype(np.uint8) << bit
    return packed


def unpack(packed: npt.NDArray[np.uint8] | None) -> Mask:
    """Unfold what `pack` folded into (5, 256, 256) bool; None gives empty masks."""
    if packed is None:
        return np.zeros((len(PLACES), SIDE_PX, SIDE_PX), np.bool_)
    planes = packed[None] >> np.arange(len(PLACES), dtype=np.uint8)[:, None, None]
    return np.asarray(planes & 1, np.bool_)


def known_places(masks: Mapping[str, Mask]) -> tuple[bool, ...]:
    """Say which places somebody drew, in the order of `PLACES`."""
    return tuple(place in masks for place in PLACES)
