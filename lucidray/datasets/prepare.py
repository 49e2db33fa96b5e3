"""From a collection's own files to one manifest: films found, read, kept or left out with the reason, split by patient.

Nothing is written here: `prepared_folder.py` does, once everything is known.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from lucidray.datasets.catalogue import SOURCES, about
from lucidray.datasets.entry import Entry, Gathered, Inputs, named
from lucidray.datasets.films import FilmFacts, read_all
from lucidray.datasets.finder import Finder, bare
from lucidray.datasets.manifest import SPLITS, Manifest, ManifestFilm, PlacedBox
from lucidray.datasets.placing import BoxCount, placed
from lucidray.datasets.split import TEST_SHARE, VALIDATION_SHARE, Claimant, assign
from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import Radiograph, View
from lucidray.evaluation.localization import OPACITY
from lucidray.imaging.limits import DEFAULT_LIMITS, Limits

UnknownView = Literal["keep", "drop", "look"]
_SIDEWAYS: tuple[View, ...] = ("lateral", "oblique")


@dataclass(frozen=True)
class Options:
    """How a collection is prepared.

    Attributes
    ----------
    official : bool
        Take the collection's own split.
    test, validation : float
        Shares of the patients otherwise.
    unknown_view : {"keep", "drop", "look"}
        What becomes of films whose view nobody says; "look" asks the network that knows frontal films.
    limit : int or None
        So many films only, spread evenly.
    workers : int
        Films read at a time.
    terms : str or None
        What the terms allow, in the collection's place.
    name : str or None
        Of the collection, in the manifest.
    """

    official: bool = False
    test: float = TEST_SHARE
    validation: float = VALIDATION_SHARE
    unknown_view: UnknownView = "keep"
    limit: int | None = None
    workers: int = 1
    terms: str | None = None
    name: str | None = None
    limits: Limits = DEFAULT_LIMITS


@dataclass
class Prepared:
    """A collection, made ready.

    Attributes
    ----------
    manifest : Manifest
    gathered : Gathered
        What the source's files said.
    dropped : list of (str, str, str)
        Films left out: as the label file names them, the kind of reason, and the reason in full.
    notes : list of str
    """

    manifest: Manifest
    gathered: Gathered
    dropped: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def reasons(self) -> Counter[str]:
        """Count the films left out by kind of reason."""
        return Counter(kind for _, kind, _ in self.dropped) + self.gathered.left_out


def prepare(
    source: str,
    inputs: Inputs,
    options: Options = Options(),
    *,
    look: Callable[[Radiograph], str] | None = None,
    begin: Callable[[int], object] = int,
    advance: Callable[[], None] = lambda: None,
) -> Prepared:
    """Prepare a collection in memory.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    inputs : Inputs
    options : Options
    look : callable, optional
        For `unknown_view` "look": given a film, why it is not a frontal one, or nothing.
    begin, advance : callable
        Told how many films are read, and of each that was.

    Raises
    ------
    InputError
        A file cannot be read, no film is found, or the boxes were drawn on films of another size.
    """
    finder = Finder(inputs.images)
    gathered = SOURCES[source](inputs)
    dropped: list[tuple[str, str, str]] = []
    located, unlabelled = _located(finder, gathered.entries, inputs.images, dropped)
    found = limited_pairs(located, options.limit)
    begin(len(found))
    boxes = BoxCount()
    films: list[ManifestFilm] = []
    claims: list[Claimant] = []
    asked = look if options.unknown_view == "look" else None
    facts = read_all([path for _, path in found], workers=options.workers, limits=options.limits, look=asked)
    for (entry, path), fact in zip(found, facts, strict=True):
        advance()
        view = "unknown" if isinstance(fact, str) else _view(entry, fact, about(source).view)
        reason = _against(fact, view, options)
        if isinstance(fact, str) or reason is not None:
            dropped.append((entry.label.image, *(reason or ("unreadable", str(fact)))))
            continue
        film = _film(entry, path, fact, inputs, boxes)
        name, terms = options.name or entry.label.source or source, options.terms or about(source).terms
        films.append(replace(film, view=view, source=name, terms=terms))
        claims.append(Claimant(film.patient, entry.split, entry.label.model_assisted))
    boxes.check()
    kept = _split(films, claims, options, dropped)
    if not kept:
        raise InputError(f"no film is left: {_listed(Counter(kind for _, kind, _ in dropped))}")
    notes = [*gathered.notes, *boxes.notes(), *_notes(films, kept, options)]
    if unlabelled:
        notes.append(f"{unlabelled:,} files below {inputs.images} look like films and have no label")
    return Prepared(Manifest(tuple(kept), inputs.images.resolve()), gathered, dropped, notes)


def _located(
    finder: Finder, entries: Sequence[Entry], images: Path, dropped: list[tuple[str, str, str]]
) -> tuple[list[tuple[Entry, Path]], int]:
    """Find the films, and count the files without a label.

    A file that several labels claim belongs to none of them, for nobody knows to which.
    """
    names = Counter(bare(entry.label.image) for entry in entries)
    claimed: dict[Path, list[Entry]] = defaultdict(list)
    for entry in entries:
        image = entry.label.image
        path = finder.find((image, *entry.also), by_name=names[bare(image)] == 1)
        if isinstance(path, str):
            dropped.append((image, "no file", path))
        else:
            claimed[path].append(entry)
    if not claimed:
        first = f"; the first: {dropped[0][0]}: {dropped[0][2]}" if dropped else ""
        raise InputError(
            f"none of the {len(entries):,} labelled films lies below {images}: name their folder with --images{first}"
        )
    found = []
    for path, theirs in claimed.items():
        if len(theirs) > 1:
            reason = f"{path.name} is also claimed by another label"
            dropped += [(entry.label.image, "a file that several labels claim", reason) for entry in theirs]
        elif theirs[0].label.view in _SIDEWAYS:
            dropped.append((theirs[0].label.image, f"{theirs[0].label.view} view", "as the label file says"))
        else:
            found.append((theirs[0], path))
    return found, max(0, finder.films - len(claimed))


def _against(fact: FilmFacts | str, view: View, options: Options) -> tuple[str, str] | None:
    """Return why a film is left out, as a kind and in full; None where it stays."""
    if isinstance(fact, str):
        return "unreadable", fact
    if view in _SIDEWAYS:
        return f"{view} view", "as the file's header says"
    if view == "unknown" and options.unknown_view == "drop":
        return "view not known", "neither the label file nor the header says"
    if view == "unknown" and fact.seen:
        return "does not look frontal", fact.seen
    return None


def _split(
    films: Sequence[ManifestFilm], claims: Sequence[Claimant], options: Options, dropped: list[tuple[str, str, str]]
) -> list[ManifestFilm]:
    kept = []
    splits = assign(claims, official=options.official, test=options.test, validation=options.validation)
    for film, split in zip(films, splits, strict=True):
        name = next((one for one in SPLITS if one == split), None)
        if name is None:
            dropped.append((film.film, "split", split))
        else:
            kept.append(replace(film, split=name))
    return kept


def _notes(films: Sequence[ManifestFilm], kept: Sequence[ManifestFilm], options: Options) -> list[str]:
    notes = []
    unknown = sum(film.view == "unknown" for film in films)
    if unknown:
        done = "kept where they look frontal" if options.unknown_view == "look" else "kept"
        notes.append(f"{unknown:,} films whose view nobody says: {done} (--unknown-view)")
    assisted = sum(film.model_assisted for film in kept)
    if assisted:
        notes.append(f"{assisted:,} films are model_assisted: they are in the training split alone")
    return notes


def limited_pairs(found: Sequence[tuple[Entry, Path]], limit: int | None) -> list[tuple[Entry, Path]]:
    """Take `limit` films spread evenly."""
    if limit is None or limit >= len(found):
        return list(found)
    return [found[place * len(found) // limit] for place in range(limit)]


def _view(entry: Entry, fact: FilmFacts, usual: View) -> View:
    """Take the label file's view, but a header that says lateral is believed before it."""
    if fact.view in _SIDEWAYS:
        return fact.view
    return next((view for view in (entry.label.view, fact.view, usual) if view != "unknown"), "unknown")


def _film(entry: Entry, path: Path, fact: FilmFacts, inputs: Inputs, count: BoxCount) -> ManifestFilm:
    label = entry.label
    film = path.relative_to(inputs.images).as_posix()
    positive = [finding for finding, state in label.truth.items() if state == "positive"]
    boxes = []
    for drawn in named(entry.boxes, positive):
        box = placed(drawn, fact.size_px)
        if box is None:
            count.off += 1
            count.first = count.first or f"{film}, {drawn.finding}"
            continue
        count.placed += 1
        count.opacity += drawn.finding == OPACITY
        origin: Literal["model_assisted", "radiologist"] = "model_assisted" if label.model_assisted else "radiologist"
        boxes.append(PlacedBox(drawn.finding, box, drawn.phrase, origin))
    return ManifestFilm(
        film=film,
        patient=label.patient or f"film {film}",
        split="train",
        truth=dict(label.truth),
        boxes=tuple(boxes),
        report=entry.report,
        age_years=label.age_years if label.age_years is not None else fact.age_years,
        sex=label.sex or fact.sex,
        size_px=fact.size_px,
        model_assisted=label.model_assisted,
    )


def _listed(reasons: Counter[str]) -> str:
    return ", ".join(f"{kind}: {count:,}" for kind, count in reasons.most_common())
