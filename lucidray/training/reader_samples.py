"""From a manifest to what a reader is trained on: a film, a question and the answer to it.

A plain CSV with a column of images and one of reports is taken as well. Its films are split by patient where there is
such a column, and by film otherwise.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox, Split, read_manifest
from lucidray.domain.answer import NamedBox
from lucidray.domain.box import Box
from lucidray.domain.errors import InputError, LucidrayError
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ReaderRegion
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.imaging.film import read_film
from lucidray.judging import claims_in
from lucidray.localization.pointed import place
from lucidray.localization.sides import find_thorax
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.readers.letterbox import Letterbox
from lucidray.readers.loc_tokens import write_locs
from lucidray.training.reader_answers import ANY_ABNORMALITY, LANGUAGE, Spot, compose

TEXT, LOCATED = "zero-shot", "located"  # the prompts' names
_FILM_COLUMNS = ("film", "image", "path", "filename", "file")
_REPORT_COLUMNS = ("report", "text", "findings")
_PATIENT_COLUMNS = ("patient", "patient_id", "subject_id")
_VALIDATION_SHARE, _TEST_SHARE = 0.1, 0.1
_MAX_FIELD = 10_000_000


@dataclass(frozen=True)
class Sample:
    """A film, what is asked of it, and the answer.

    Attributes
    ----------
    film : ManifestFilm
        With the boxes that the answer speaks of.
    path : Path
    strategy : str
        Name of the prompt.
    answer : str
    """

    film: ManifestFilm
    path: Path
    strategy: str
    answer: str


@dataclass
class Samples:
    """Samples of one split, and why others are none."""

    samples: list[Sample]
    left_out: Counter[str]


def read_collection(table: Path, images: Path | None) -> Manifest:
    """Read a manifest, or a plain CSV with images and reports.

    Raises
    ------
    InputError
        It is neither, or names no films.
    """
    if table.is_dir() or table.suffix == ".parquet" or "split" in _header(table):
        return read_manifest(table, images)
    if images is None:
        raise InputError(f"{table.name} is a plain table: name the folder of its films with --images")
    return Manifest(tuple(_plain_films(table)), images)


def text_samples(manifest: Manifest, split: Split) -> Samples:
    """Return a sample for each film of a split that there is anything to say of; boxes play no part."""
    samples, left_out = [], Counter[str]()
    for film in manifest.of(split):
        answer = compose(film.truth, report=film.report)
        if answer is None:
            left_out["nothing is known of the film"] += 1
        else:
            samples.append(Sample(film, manifest.path(film), TEXT, answer))
    return Samples(samples, left_out)


def located_samples(
    manifest: Manifest,
    split: Split,
    lay: Callable[[int, int], Letterbox],
    segmenter: EmbeddedSegmenter,
    *,
    origins: Iterable[str],
    held_out: Sequence[str] = (),
    normal_share: float = 0.5,
) -> Samples:
    """Return a sample for each film with boxes, and normal films beside them, whose answers have no LOCATIONS.

    Parameters
    ----------
    lay : callable
        How a film of a width and a height lies on the picture that the model sees.
    segmenter : EmbeddedSegmenter
        Finds the lungs, which sides and zones come from.
    origins : iterable of str
        Whose boxes are taken.
    held_out : sequence of str
        Findings whose boxes are left out in the split "train"; a film that has no other is none of the samples.
    normal_share : float
        Normal films, as a share of the films with boxes; those that a hash of their name picks.
    """
    origins, samples, left_out = set(origins), [], Counter[str]()
    for film in manifest.of(split):
        boxes = tuple(box for box in film.boxes if box.origin in origins)
        kept = tuple(box for box in boxes if split != "train" or box.finding not in held_out)
        left_out["boxes of findings that are held out"] += len(boxes) - len(kept)
        if not kept:
            continue
        sample = _located(film, kept, manifest.path(film), lay, segmenter, left_out)
        if sample is not None:
            samples.append(sample)
    normal = sorted((film for film in manifest.of(split) if is_normal(film) and not film.boxes), key=_by_hash)
    for film in normal[: round(normal_share * len(samples))]:
        answer = compose(film.truth, report=film.report)
        if answer is not None:
            samples.append(Sample(film, manifest.path(film), LOCATED, answer))
    return Samples(samples, left_out)


def is_normal(film: ManifestFilm) -> bool:
    """Whether somebody said that nothing is abnormal, or denied every finding."""
    said = [film.truth.get(label) for label in LABELS]
    return film.truth.get(ANY_ABNORMALITY) == "negative" or all(one == "negative" for one in said)


def _located(
    film: ManifestFilm,
    boxes: tuple[PlacedBox, ...],
    path: Path,
    lay: Callable[[int, int], Letterbox],
    segmenter: EmbeddedSegmenter,
    left_out: Counter[str],
) -> Sample | None:
    try:
        image = read_film(path)
    except (LucidrayError, OSError) as error:
        left_out[f"film cannot be read: {type(error).__name__}"] += 1
        return None
    letterbox = lay(image.width_px, image.height_px)
    spots, written = [], []
    for box, region in zip(boxes, regions_of(boxes, image, segmenter), strict=True):
        tokens = None if region is None else write_locs(Box(*box.xyxy_px), letterbox)
        if region is None or tokens is None:
            left_out["box does not lie on the film"] += 1
        elif _side_differs(box.phrase, region):
            left_out["side of the box's words differs from the side by the lungs"] += 1
        else:
            spots.append(Spot(box.finding, tokens, region.side, region.zone, box.phrase))
            written.append(box)
    if not spots:
        return None
    answer = compose(film.truth, spots, film.report)
    kept = ManifestFilm(**{**film.__dict__, "boxes": tuple(written)})
    return None if answer is None else Sample(kept, path, LOCATED, answer)


def regions_of(
    boxes: Sequence[PlacedBox], image: Radiograph, segmenter: EmbeddedSegmenter
) -> list[ReaderRegion | None]:
    """Give each box its side and zone, by the lungs of the film; None for a box beside the film."""
    anatomy, _ = segmenter.segment(image.pixels)
    thorax = find_thorax(anatomy)

    def meant(name: str) -> Label | None:
        return next((label for label in LABELS if label == name), None)

    found = []
    for box in boxes:
        placed, _ = place([NamedBox(box.finding, Box(*box.xyxy_px))], thorax, image, meant)
        found.append(placed[0] if placed else None)
    return found


def _side_differs(phrase: str, region: ReaderRegion) -> bool:
    said = {claim.side for claim in claims_in(phrase, LANGUAGE)} & {"left", "right"} if phrase else set()
    return region.side in ("left", "right") and bool(said) and region.side not in said


def _header(table: Path) -> list[str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} cannot be read: {error}") from error


def _plain_films(table: Path) -> Iterable[ManifestFilm]:
    columns = {name.strip().lower(): name for name in _header(table)}
    film = next((columns[name] for name in _FILM_COLUMNS if name in columns), None)
    report = next((columns[name] for name in _REPORT_COLUMNS if name in columns), None)
    patient = next((columns[name] for name in _PATIENT_COLUMNS if name in columns), None)
    if film is None or report is None:
        raise InputError(
            f"{table.name} is no manifest, and has no columns of films ({', '.join(_FILM_COLUMNS)}) and reports "
            f"({', '.join(_REPORT_COLUMNS)})"
        )
    csv.field_size_limit(_MAX_FIELD)
    seen: set[str] = set()
    with table.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            name = (row[film] or "").strip()
            if not name or name in seen:
                told = f"{name} was named before" if name else "no film is named"
                raise InputError(f"{table.name}, row {number}: {told}")
            seen.add(name)
            whose = (row[patient] or "").strip() if patient else ""
            yield ManifestFilm(name, whose or name, _split(whose or name), {}, report=(row[report] or "").strip())
    if not seen:
        raise InputError(f"{table.name} names no films")


def _split(patient: str) -> Split:
    at = int(hashlib.sha256(patient.encode()).hexdigest()[:8], 16) / 2**32
    if at < _TEST_SHARE:
        return "test"
    return "validation" if at < _TEST_SHARE + _VALIDATION_SHARE else "train"


def _by_hash(film: ManifestFilm) -> str:
    return hashlib.sha256(film.film.encode()).hexdigest()
