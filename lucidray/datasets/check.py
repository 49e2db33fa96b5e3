"""What would make the figures of a prepared collection worthless, or its training go wrong."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lucidray.datasets.duplicates import COPY, Pair, alike, exact
from lucidray.datasets.look import Looked, look_at
from lucidray.datasets.manifest import SPLITS, Manifest, ManifestFilm
from lucidray.datasets.shortcuts import shortcuts
from lucidray.domain.radiograph import Radiograph
from lucidray.evaluation.label_files.table import TARGETS
from lucidray.evaluation.localization import OPACITY
from lucidray.imaging.limits import DEFAULT_LIMITS, Limits

# Below this many positive films a finding's figure is all interval.
FEW = 10
_SLACK_PX = 1.0
_SHOWN = 50
_WHOLE_FILM = 0.9


_LOOKS = {
    "too_small": "are too small to be read",
    "not_chest": "do not look like a frontal chest film, by their shape or as the network sees them",
    "blank": "are all but blank",
    "saturated": "are saturated",
    "lateral": "look lateral",
    "oblique": "look oblique",
    "inverted": "look inverted",
    "turned_90": "look turned by 90 degrees clockwise",
    "turned_180": "look upside down",
    "turned_270": "look turned by 90 degrees counter-clockwise",
    "cropped": "lack a part of the lungs",
    "mirrored": "look mirrored",
}


@dataclass(frozen=True)
class Problem:
    """Something that was found.

    Attributes
    ----------
    code : str
    serious : bool
        Whether figures measured on the collection, or what is trained on it, cannot be trusted with it.
    message : str
    count : int
    examples : tuple of str
        Films, the first of them.
    """

    code: str
    serious: bool
    message: str
    count: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what it is, and how often, where it can be counted."""
        return f"{self.message}: {self.count:,}" if self.count else self.message


@dataclass
class Checked:
    """A collection that was checked.

    Attributes
    ----------
    manifest : Manifest
    looked : list
        A film's look, or why it cannot be read, in the order of the manifest.
    pairs : list of Pair
        Films that look like copies or like one person.
    problems : list of Problem
        Serious ones first.
    """

    manifest: Manifest
    looked: list[Looked | str]
    pairs: list[Pair] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def serious(self) -> bool:
        """Whether anything serious was found."""
        return any(problem.serious for problem in self.problems)


def check(
    manifest: Manifest,
    *,
    workers: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    gate: Callable[[Radiograph], list[tuple[str, str]]] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Checked:
    """Look at every film and at the manifest.

    Parameters
    ----------
    manifest : Manifest
    workers : int
        Films read at a time.
    gate : callable, optional
        What the acceptance gate has against a film.
    advance : callable
        Told of each film.
    """
    looked: list[Looked | str] = []

    def one(film: ManifestFilm) -> Looked | str:
        return look_at(manifest.path(film), limits, gate)

    if workers == 1:
        for film in manifest.films:
            looked.append(one(film))
            advance()
    else:
        with ThreadPoolExecutor(workers) as pool:
            for result in pool.map(one, manifest.films):
                looked.append(result)
                advance()
    checked = Checked(manifest, looked)
    readable = [place for place, seen in enumerate(looked) if isinstance(seen, Looked)]
    thumbnails = [seen.thumbnail for seen in looked if isinstance(seen, Looked)]
    if thumbnails:
        checked.pairs = [
            Pair(readable[pair.first], readable[pair.second], pair.likeness) for pair in alike(np.stack(thumbnails))
        ]
    found = [
        *_of_files(checked),
        *_of_patients(manifest.films),
        *_of_copies(checked),
        *_of_pixels(checked),
        *_of_boxes(checked),
        *_of_classes(manifest),
    ]
    checked.problems = sorted(found, key=lambda problem: not problem.serious)
    return checked


def _problem(code: str, message: str, films: Sequence[str], *, serious: bool = False) -> Iterator[Problem]:
    if films:
        yield Problem(code, serious, message, len(films), tuple(films[:_SHOWN]))


def _of_files(checked: Checked) -> Iterator[Problem]:
    rows = list(zip(checked.manifest.films, checked.looked, strict=True))
    lost = [f"{film.film}: {seen}" for film, seen in rows if isinstance(seen, str)]
    yield from _problem("unreadable", "films that are missing or cannot be read", lost, serious=True)
    other = [
        f"{film.film}: {seen.size_px[1]} by {seen.size_px[0]} pixels now, {film.size_px[1]} by {film.size_px[0]} then"
        for film, seen in rows
        if isinstance(seen, Looked) and film.size_px is not None and seen.size_px != film.size_px
    ]
    message = "films of another size than when the manifest was made, so that boxes no longer fit"
    yield from _problem("size_changed", message, other, serious=True)


def _of_patients(films: Sequence[ManifestFilm]) -> Iterator[Problem]:
    splits: dict[str, set[str]] = defaultdict(set)
    for film in films:
        splits[film.patient].add(film.split)
    torn = [f"{patient}: {', '.join(sorted(where))}" for patient, where in splits.items() if len(where) > 1]
    yield from _problem("patient_leakage", "patients in more than one split", torn, serious=True)
    measured = [film.film for film in films if film.model_assisted and film.split != "train"]
    message = "model_assisted films outside of the training split, which measure a model by its own answers"
    yield from _problem("model_assisted_measured", message, measured, serious=True)
    sideways = [f"{film.film}: {film.view}" for film in films if film.view in ("lateral", "oblique")]
    yield from _problem(
        "not_frontal", "films that are not frontal, as the manifest itself says", sideways, serious=True
    )
    own = sum(film.patient == f"film {film.film}" for film in films)
    if own:
        yield Problem("patients_unknown", False, "films without a patient, each taken for one of its own", own)


def _of_copies(checked: Checked) -> Iterator[Problem]:
    films = checked.manifest.films
    hashes = [
        seen.sha256 if isinstance(seen, Looked) else f"unread {place}" for place, seen in enumerate(checked.looked)
    ]
    groups = exact(hashes)
    same = {place: number for number, group in enumerate(groups) for place in group}
    across = [group for group in groups if len({films[place].split for place in group}) > 1]
    within = [group for group in groups if group not in across]
    yield from _problem(
        "copies_across_splits", "groups of identical files in several splits", _told(films, across), serious=True
    )
    yield from _problem("copies", "groups of identical files in one split", _told(films, within))
    unlike = [group for group in groups if len({tuple(sorted(films[place].truth.items())) for place in group}) > 1]
    yield from _problem("copies_disagree", "groups of identical files with different labels", _told(films, unlike))
    others = [pair for pair in checked.pairs if same.get(pair.first, -1) != same.get(pair.second, -2)]
    strangers = [pair for pair in others if films[pair.first].patient != films[pair.second].patient]
    torn = [pair for pair in strangers if films[pair.first].split != films[pair.second].split]
    near = [pair for pair in torn if abs(pair.likeness) >= COPY]
    message = "pairs of all but identical films in different splits"
    yield from _problem("near_copies_across_splits", message, _told(films, near), serious=True)
    near = [pair for pair in strangers if abs(pair.likeness) >= COPY and pair not in torn]
    yield from _problem(
        "near_copies", "pairs of all but identical films of different patients in one split", _told(films, near)
    )
    alike_pairs = [pair for pair in torn if abs(pair.likeness) < COPY]
    message = "pairs of films in different splits that look like one person under two names"
    yield from _problem("same_person", message, _told(films, alike_pairs))


def _told(films: Sequence[ManifestFilm], groups: "Sequence[list[int]] | Sequence[Pair]") -> list[str]:
    told = []
    for group in groups:
        places = group[:2] if isinstance(group, Pair) else group
        likeness = f" (likeness {group.likeness:g})" if isinstance(group, Pair) else ""
        told.append(" = ".join(f"{films[int(place)].film} [{films[int(place)].split}]" for place in places) + likeness)
    return told


def _of_pixels(checked: Checked) -> Iterator[Problem]:
    by_code: dict[str, list[str]] = defaultdict(list)
    for film, seen in zip(checked.manifest.films, checked.looked, strict=True):
        if isinstance(seen, Looked):
            for code, words in seen.problems:
                by_code[code].append(f"{film.film}: {words}")
    for code, films in sorted(by_code.items(), key=lambda item: -len(item[1])):
        yield from _problem(f"image_{code}", f"films that {_LOOKS.get(code, 'look ' + code)}", films)


def _of_boxes(checked: Checked) -> Iterator[Problem]:
    off, large, unsaid, proposed = [], [], [], []
    for film, seen in zip(checked.manifest.films, checked.looked, strict=True):
        size = seen.size_px if isinstance(seen, Looked) else film.size_px
        for box in film.boxes:
            name = f"{film.film}: {box.finding} {', '.join(f'{edge:g}' for edge in box.xyxy_px)}"
            left, top, right, bottom = box.xyxy_px
            if size is not None:
                height, width = size
                if min(left, top) < -_SLACK_PX or right > width + _SLACK_PX or bottom > height + _SLACK_PX:
                    off.append(name)
                elif (right - left) * (bottom - top) > _WHOLE_FILM * width * height:
                    large.append(name)
            if film.truth.get(box.finding) == "negative":
                unsaid.append(name)
            if box.origin != "radiologist" and film.split != "train":
                proposed.append(name)
    yield from _problem("box_off_film", "boxes that end beyond their film", off, serious=True)
    yield from _problem("box_whole_film", "boxes over all but the whole film", large)
    yield from _problem("box_against_label", "boxes of a finding that the labels call absent", unsaid)
    message = "boxes outside of the training split that a network proposed, or a person drew over its answer"
    yield from _problem("box_not_drawn", message, proposed)


def _of_classes(manifest: Manifest) -> Iterator[Problem]:
    for split in SPLITS:
        if not manifest.of(split):
            yield Problem("split_empty", split == "train", f"the {split} split is empty", 0)
    scarce = []
    for target in TARGETS:
        there = {split: _states(manifest.of(split), target)["positive"] for split in SPLITS}
        if not sum(there.values()):
            continue
        if not there["train"]:
            yield Problem("finding_not_trained", False, f"{target} is never positive in the training split", 0)
        few = [
            f"{split} {there[split]}" for split in ("validation", "test") if manifest.of(split) and there[split] < FEW
        ]
        scarce += [f"{target}: {', '.join(few)}"] if few else []
    yield from _problem(
        "finding_scarce", f"findings with fewer than {FEW} positive films where they are measured", scarce
    )
    for found in shortcuts(manifest.films):
        message = f"the {found.fact} alone ranks {found.finding} with an AUROC of {found.auroc:g}: a model can learn it"
        yield Problem("shortcut", False, message, 0)


def _states(films: Sequence[ManifestFilm], target: str) -> Counter[str]:
    return Counter(film.truth.get(target, "not told") for film in films)


def class_counts(manifest: Manifest) -> dict[str, dict[str, dict[str, int]]]:
    """Count positive, negative, uncertain and untold films by finding and split."""
    return {target: {split: dict(_states(manifest.of(split), target)) for split in SPLITS} for target in TARGETS}


def origins(manifest: Manifest) -> dict[str, int]:
    """Count boxes by who drew them and the name of the finding; an opacity without a finding counts as itself."""
    found = Counter(f"{box.origin}: {box.finding or OPACITY}" for film in manifest.films for box in film.boxes)
    return dict(found.most_common())


def result_of(checked: Checked, folder: Path, head: dict[str, Any]) -> dict[str, Any]:
    """Return what `check.json` holds."""
    films = checked.manifest.films
    return {
        **head,
        "kind": "check of a prepared collection",
        "collection": folder.resolve().name,
        "serious": checked.serious,
        "splits": {
            split: {
                "films": len(checked.manifest.of(split)),
                "patients": len({film.patient for film in checked.manifest.of(split)}),
                "boxes": sum(len(film.boxes) for film in checked.manifest.of(split)),
                "reports": sum(bool(film.report) for film in checked.manifest.of(split)),
            }
            for split in SPLITS
        },
        "views": dict(Counter(film.view for film in films).most_common()),
        "sources": dict(Counter(film.source for film in films).most_common()),
        "terms": dict(Counter(film.terms for film in films).most_common()),
        "model_assisted": sum(film.model_assisted for film in films),
        "classes": class_counts(checked.manifest),
        "boxes": origins(checked.manifest),
        "problems": [
            {
                "code": problem.code,
                "serious": problem.serious,
                "count": problem.count,
                "message": problem.message,
                "told": str(problem),
                "examples": list(problem.examples),
            }
            for problem in checked.problems
        ],
    }
