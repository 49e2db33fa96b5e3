"""Boxes that a report's claims and the embedded networks agree on: proposed, never drawn by a person.

A claim that a finding is present, on a named side, gets the regions that the networks point at for that finding on that
side. Without a side in the claim there is nothing to agree on, and no box; the heart alone lies where it lies. A zone
in the claim must agree, too, and the film's labels may not call the finding absent. A box is marked `proposed`: it may
teach, and says nothing about anybody's pointing.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox
from lucidray.domain.claim import Claim
from lucidray.domain.errors import InputError
from lucidray.domain.reading import Reading, Region
from lucidray.domain.vocabulary import OPACITY, OVERLAPS
from lucidray.reasoning.claims import extract_claims

_HEART = "Cardiomegaly"


@dataclass
class Proposed:
    """A manifest with proposed boxes, and what became of the claims.

    Attributes
    ----------
    manifest : Manifest
    outcome : Counter
        Claims of present findings, by what became of them.
    """

    manifest: Manifest
    outcome: Counter[str] = field(default_factory=Counter)


def propose(
    manifest: Manifest,
    read: Callable[[ManifestFilm], Reading],
    advance: Callable[[], None] = lambda: None,
) -> Proposed:
    """Add proposed boxes to the films that have a report and no boxes.

    Parameters
    ----------
    manifest : Manifest
    read : callable
        Has the networks read a film.
    advance : callable
        Told of each film.
    """
    done = Proposed(manifest)
    films = []
    for film in manifest.films:
        boxes: list[PlacedBox] = []
        if film.report and not film.boxes:
            claims = [claim for claim in extract_claims(film.report) if claim.polarity == "present"]
            if claims:
                boxes = _of_film(film, claims, read, done.outcome)
            advance()
        films.append(replace(film, boxes=(*film.boxes, *boxes)))
    done.manifest = Manifest(tuple(films), manifest.images)
    return done


def _of_film(
    film: ManifestFilm, claims: list[Claim], read: Callable[[ManifestFilm], Reading], outcome: Counter[str]
) -> list[PlacedBox]:
    try:
        reading = read(film)
    except InputError:
        outcome["film not readable"] += len(claims)
        return []
    if not reading.accepted:
        outcome["film refused by the gate"] += len(claims)
        return []
    regions: dict[str, list[Region]] = {finding.label: finding.regions for finding in reading.findings}
    # An impression repeats a finding without its zone: the sentence that names the zone is the one to agree with.
    placed = {(claim.label, claim.side) for claim in claims if claim.zone is not None}
    claims = [claim for claim in claims if claim.zone is not None or (claim.label, claim.side) not in placed]
    boxes: dict[tuple[str, tuple[float, ...]], PlacedBox] = {}
    for claim in claims:
        found, became = agreeing(claim, regions)
        if found and film.truth.get(claim.label) == "negative":
            found, became = [], "the labels call it absent"
        outcome[became] += 1
        for region in found:
            key = (claim.label, region.box_xyxy_px)
            boxes.setdefault(key, PlacedBox(claim.label, region.box_xyxy_px, claim.sentence, "proposed"))
    return list(boxes.values())


def agreeing(claim: Claim, regions: Mapping[str, list[Region]]) -> tuple[list[Region], str]:
    """Return the regions that agree with a claim, and in words what became of it.

    Parameters
    ----------
    claim : Claim
        That a finding is present.
    regions : mapping
        By finding: where the networks point.
    """
    heart = claim.label == _HEART
    if claim.side in (None, "midline") and not heart:
        return [], "no side named"
    names = OVERLAPS[OPACITY] if claim.label in OVERLAPS[OPACITY] else (claim.label,)
    # The networks call one shadow by one name and a report by another: its own name first.
    for name in sorted(names, key=lambda name: name != claim.label):
        found = [region for region in regions.get(name, []) if heart or _agrees(claim, region)]
        sides = {region.side for region in found}
        if found and (heart or claim.side != "both" or "both" in sides or sides >= {"left", "right"}):
            return found, "box proposed"
    pointed = any(regions.get(name) for name in names)
    return [], "side or zone disagrees" if pointed else "networks point nowhere for it"


def _agrees(claim: Claim, region: Region) -> bool:
    if claim.zone is not None and region.zone != claim.zone:
        return False
    return claim.side in ("both", region.side)
