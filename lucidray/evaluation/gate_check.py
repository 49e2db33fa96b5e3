"""`evaluate gate`: what the acceptance gate makes of films whose kind is known, patients together."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from lucidray.domain.errors import InputError
from lucidray.domain.note import Note
from lucidray.domain.protocols import Segmenter
from lucidray.domain.radiograph import Radiograph
from lucidray.evaluation.collection import ImageIndex
from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import parse_age
from lucidray.evaluation.segmentation import wilson
from lucidray.imaging import gate
from lucidray.imaging.film import read_film

Truth = Literal["frontal", "lateral", "not_chest", "turned_90", "turned_180", "turned_270", "inverted", "mirrored"]
TRUTHS: tuple[Truth, ...] = get_args(Truth)
_NAMES = {"turned": "turned_180", "upside_down": "turned_180", "not chest": "not_chest", "l": "lateral"}
# The gate counts degrees clockwise; numpy.rot90 counts quarter turns the other way.
_TURNS: dict[Truth, int] = {"turned_90": 3, "turned_180": 2, "turned_270": 1}


@dataclass(frozen=True)
class GateFilm:
    """A film, what it is, whose it is; `made` changes it before it is judged."""

    image: str
    path: Path
    truth: Truth
    patient: str
    age_years: float | None = None
    made: Callable[[Radiograph], Radiograph] | None = None


@dataclass(frozen=True)
class Judged:
    """What the gate said of a film: accepted or refused, with all its codes; or why it could not be read."""

    film: GateFilm
    accepted: bool
    codes: tuple[str, ...]
    fault: str | None = None


def read_gate_films(path: Path, images: Path | None) -> tuple[list[GateFilm], list[str]]:
    """Read `image,truth[,patient][,age]`; the second list names the rows that could not be used.

    Raises
    ------
    InputError
        The file or the folder of images is missing, or no row can be used.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    table = Table(path)
    columns = {name.lower(): name for name in table.header}
    if not {"image", "truth"} <= columns.keys():
        raise InputError(
            f"{path.name} needs the columns image and truth ({', '.join(TRUTHS)}), and may have patient, age"
        )
    default = path.parent / "images"
    index = ImageIndex(images or (default if default.is_dir() else path.parent))
    films, faults = [], []
    for row in table:
        said = row[columns["truth"]].lower()
        truth = next((each for each in TRUTHS if each == _NAMES.get(said, said)), None)
        found = index.find(row[columns["image"]])
        if truth is None or isinstance(found, str):
            reason = found if isinstance(found, str) else f"truth {said!r} is none of {', '.join(TRUTHS)}"
            faults.append(f"line {row.number}: {reason}")
            continue
        image = row[columns["image"]]
        patient = row.get(columns.get("patient", "")) or f"film {image}"
        films.append(GateFilm(image, found, truth, patient, parse_age(row.get(columns.get("age", "")))))
    faults += [f"line {fault.row}: {fault.reason}" for fault in table.faults]
    if not films:
        raise InputError(
            f"no row of {path.name} can be used; the first fault: {faults[0] if faults else 'it is empty'}"
        )
    return films, faults


def variants(films: Sequence[GateFilm]) -> list[GateFilm]:
    """Make a turned (each way), an inverted and a mirrored film of every frontal one."""
    made: list[GateFilm] = []
    for film in films:
        if film.truth != "frontal":
            continue
        made += [replace(film, truth=truth, made=_turner(turns)) for truth, turns in _TURNS.items()]
        made.append(replace(film, truth="inverted", made=_inverted))
        made.append(replace(film, truth="mirrored", made=_mirrored))
    return made


def _turner(turns: int) -> Callable[[Radiograph], Radiograph]:
    def turned(film: Radiograph) -> Radiograph:
        return replace(film, pixels=np.ascontiguousarray(np.rot90(film.pixels, turns)), orientation=None)

    return turned


def _inverted(film: Radiograph) -> Radiograph:
    return film.inverted(Note(code="made", message="Bright and dark were exchanged before reading."))


def _mirrored(film: Radiograph) -> Radiograph:
    return replace(film, pixels=np.ascontiguousarray(film.pixels[:, ::-1]), orientation=None)


def judge(film: GateFilm, segmenter: Segmenter) -> Judged:
    """Ask the gate about one film."""
    try:
        radiograph = read_film(film.path)
    except InputError as error:
        return Judged(film, accepted=False, codes=(), fault=str(error))
    if film.age_years is not None:
        radiograph = replace(radiograph, age_years=film.age_years)
    if film.made is not None:
        radiograph = film.made(radiograph)
    refusal = gate.judge_pixels(radiograph)
    warnings: tuple[Note, ...] = ()
    if not refusal:
        anatomy, appearance = segmenter.segment(radiograph.pixels)
        verdict = gate.judge(radiograph, appearance, anatomy, segmenter.thresholds)
        refusal, warnings = verdict.refusal, verdict.warnings
    return Judged(film, accepted=not refusal, codes=tuple(note.code for note in (*refusal, *warnings)))


def evaluate(judged: Sequence[Judged]) -> dict[str, Any]:
    """Shares accepted, refused and rightly named by kind of film.

    Returns
    -------
    dict
        `classes`: by truth `n`, `n_patients`, `accepted`, `refused` and, but for frontal films, `named`: the gate gives
        the right reason (of a mirrored film it warns, and reads it). `wrong`: films on which it erred, by name.
    """
    read = [one for one in judged if one.fault is None]
    classes = {}
    for truth in TRUTHS:
        inside = [one for one in read if one.film.truth == truth]
        if not inside:
            continue
        patients = [one.film.patient for one in inside]
        classes[truth] = {
            "n": len(inside),
            "n_patients": len(set(patients)),
            "accepted": clustered_share([one.accepted for one in inside], patients),
            "refused": clustered_share([not one.accepted for one in inside], patients),
            "reasons": dict(Counter(" ".join(one.codes) or "none" for one in inside).most_common(8)),
        }
        if truth != "frontal":
            classes[truth]["named"] = clustered_share([truth in one.codes for one in inside], patients)
    reads = ("frontal", "mirrored")
    wrong = [
        {"film": one.film.image, "truth": one.film.truth, "codes": list(one.codes)}
        for one in read
        if one.accepted != (one.film.truth in reads)
    ]
    return {
        "classes": classes,
        "wrong": wrong,
        "unreadable": [f"{one.film.image}: {one.fault}" for one in judged if one.fault is not None],
    }


def clustered_share(hits: Sequence[bool], patients: Sequence[str]) -> dict[str, float | int]:
    """Return a share with Wilson's 95 % interval, films of one patient counting for less than as many patients.

    The number of films is divided by the design effect, the variance of the share over patients against that of
    independent films; where all films agree, no variance can be seen, and patients are counted instead.

    References
    ----------
    Wilson, Journal of the American Statistical Association 22 (1927) 209; Rao and Scott, Biometrics 48 (1992) 577
    """
    values = np.asarray(hits, dtype=np.float64)
    _, place = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    films, count = len(values), int(place.max()) + 1
    rate = float(values.mean())
    if rate in (0.0, 1.0) or count == films or count < 2:
        effective = count
    else:
        surplus = np.bincount(place, weights=values - rate)
        variance = count / (count - 1) * float((surplus**2).sum()) / films**2
        design = max(variance / (rate * (1 - rate) / films), 1.0)
        effective = max(round(films / design), 1)
    low, high = wilson(rate, effective)
    return {
        "value": round(rate, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": films,
        "n_patients": count,
    }
