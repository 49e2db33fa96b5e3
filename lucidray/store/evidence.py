"""Heatmaps and organs of a reading as a few kilobytes, so that its pictures can be drawn again from the stored film."""

from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lucidray.domain.anatomy import ORGANS, Anatomy
from lucidray.domain.errors import InputError
from lucidray.domain.note import Note
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Evidence, Reading
from lucidray.domain.vocabulary import LABELS

_INVERTED = "inverted"
_FULL = 65535


def pack(evidence: Evidence) -> bytes:
    """Write evidence without its film, which is stored on its own."""
    film, parts = evidence.film, dict[str, Any]()
    parts["turns"] = np.int64(film.quarter_turns)
    parts["inverted"] = np.bool_(sum(note.code == _INVERTED for note in film.corrections) % 2 == 1)
    if film.original is not None:
        # What was invented cannot be had again without the model that did it.
        parts["upscaled"] = np.rint(np.clip(film.pixels, 0, 1) * _FULL).astype(np.uint16)
    for label, heatmap in evidence.heatmaps.items():
        parts[f"heat {label}"] = heatmap.values
        parts[f"cut {label}"] = np.float64(heatmap.cut)
    if evidence.anatomy is not None:
        parts["organs"] = np.packbits(evidence.anatomy.masks)
        parts["shape"] = np.array(evidence.anatomy.masks.shape)
    file = BytesIO()
    np.savez_compressed(file, **parts)
    return file.getvalue()


def unpack(packed: bytes, stored: Radiograph, reading: Reading) -> Evidence:
    """Put evidence together again.

    Parameters
    ----------
    packed : bytes
        What `pack` wrote.
    stored : Radiograph
        The film as its file holds it: it is turned, inverted and upscaled here as it was for the reading.
    reading : Reading
        Whose evidence it is.

    Raises
    ------
    InputError
        The bytes are not what `pack` wrote.
    """
    try:
        with np.load(BytesIO(packed), allow_pickle=False) as parts:
            film = _corrected(stored, reading, int(parts["turns"]), inverted=bool(parts["inverted"]))
            if "upscaled" in parts:
                by = "" if reading.upscaling is None else reading.upscaling.method
                film = film.upscaled(parts["upscaled"].astype(np.float32) / np.float32(_FULL), by)
            heatmaps = {
                label: Heatmap(parts[f"heat {label}"], float(parts[f"cut {label}"]))
                for label in LABELS
                if f"heat {label}" in parts
            }
            anatomy = None
            if "organs" in parts:
                shape = tuple(parts["shape"].tolist())
                bits = np.unpackbits(parts["organs"], count=int(np.prod(shape)))
                anatomy = Anatomy(bits.reshape(shape).astype(np.bool_))
                if shape[0] != len(ORGANS):
                    raise InputError("the stored evidence has other organs than this lucidray")
    except (KeyError, ValueError, EOFError, OSError, BadZipFile) as error:
        raise InputError("the stored evidence of this reading is damaged") from error
    return Evidence(film, heatmaps, anatomy)


def _corrected(stored: Radiograph, reading: Reading, turns: int, *, inverted: bool) -> Radiograph:
    told = {note.code: note for note in reading.image.corrections}
    film = stored
    if turns:
        film = film.turned(turns, told.get("turned", Note(code="turned", message="Turned before reading.")))
    if inverted:
        film = film.inverted(
            told.get(_INVERTED, Note(code=_INVERTED, message="Bright and dark were exchanged before reading."))
        )
    return film
