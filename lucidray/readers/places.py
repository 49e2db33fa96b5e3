"""Where findings lie, in words: sides and zones of one or many regions."""

from collections.abc import Iterable, Sequence

from lucidray.domain.reading import Finding, Region
from lucidray.domain.vocabulary import Side, Zone
from lucidray.readers.phrases import Phrases

_ZONES: tuple[Zone, ...] = ("upper", "mid", "lower")
_SIDES: tuple[Side, ...] = ("right", "left", "midline")

Cell = tuple[Side, Zone]


def cells(regions: Iterable[Region]) -> frozenset[Cell]:
    """Return the zones that the regions lie in; a region on both sides lies in two."""
    found: set[Cell] = set()
    for region in regions:
        sides: tuple[Side, ...] = ("right", "left") if region.side == "both" else (region.side,)
        found |= {(side, region.zone) for side in sides}
    return frozenset(found)


def sides(places: frozenset[Cell]) -> frozenset[Side]:
    """Return the sides of some zones."""
    return frozenset(side for side, _ in places)


def words(places: frozenset[Cell], phrases: Phrases) -> str:
    """Write zones (at least one) as "in the right mid and lower zones and in the midline"; the right comes first."""
    zones = {side: "+".join(zone for zone in _ZONES if (side, zone) in places) for side in _SIDES}
    if zones["right"] and zones["right"] == zones["left"]:
        keys = [f"both {zones['right']}"]
    else:
        keys = [f"{side} {zones[side]}" for side in ("right", "left") if zones[side]]
    if zones["midline"]:
        keys.append("midline")
    return phrases.join([phrases.places[key] for key in keys], "and")


def together(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Sort findings by place, so that those of one place can share a sentence.

    Two share one where they lie on the same sides and have a zone in common, or where neither has a place. Findings on
    different sides never share one: the sentence would put one of them on a side where it is not.
    """
    groups: list[list[Finding]] = []
    for finding in findings:
        place = cells(finding.regions)
        for group in groups:
            known = cells(region for member in group for region in member.regions)
            if sides(known) == sides(place) and (known & place or not place):
                group.append(finding)
                break
        else:
            groups.append([finding])
    return groups
