"""Where a sentence puts each finding, and how pronounced it says it is.

A word of place or degree belongs to the finding that it stands before ("left basilar atelectasis"), or, behind a
preposition, to the one before it ("atelectasis in the left base"). Commas, "and" and cues part what belongs together;
"left basilar atelectasis and effusion" shares its side.
"""

from dataclasses import dataclass, field
from typing import cast

from lucidray.domain.claim import Severity
from lucidray.domain.vocabulary import Side, Zone
from lucidray.reasoning.claim_lexicon import Event
from lucidray.reasoning.claim_mentions import Mention
from lucidray.reasoning.claim_table import Kind

_PARTS_AHEAD: tuple[Kind, ...] = (
    "comma",
    "and",
    "or",
    "between",
    "with",
    "end",
    "negation_before",
    "uncertainty_before",
    "same",
)
# "In the left base there is an opacity": such an opening parts a place from what came before it only.
_PARTS: tuple[Kind, ...] = (*_PARTS_AHEAD, "opening")
# Findings that say how something looks; what they are put down to is where they are.
_SIGNS = frozenset(("Infiltration", "Consolidation", "Nodule", "Mass", "Effusion"))
_RANK: dict[str, int] = {"mild": 0, "moderate": 1, "severe": 2}
_REACH_OF_PREPOSITION = 3
# Chinese parts clauses with a comma behind which it goes on about the same finding.
_CLAUSE_COMMA = "，"
_MOST_MODIFIERS = 6


@dataclass
class Place:
    """What a sentence says of a finding besides whether it is there."""

    sides: set[str] = field(default_factory=set)
    zones: set[str] = field(default_factory=set)
    severities: set[str] = field(default_factory=set)
    behind: bool = False
    explains: bool = False

    @property
    def side(self) -> Side | None:
        """Left and right together are both."""
        if {"left", "right"} <= self.sides or "both" in self.sides:
            return "both"
        return cast("Side", min(self.sides)) if self.sides else None

    @property
    def zone(self) -> Zone | None:
        """None where several are named."""
        return cast("Zone", next(iter(self.zones))) if len(self.zones) == 1 else None

    @property
    def severity(self) -> Severity | None:
        """The greatest that is named: "mild to moderate" is moderate."""
        return cast("Severity", max(self.severities, key=_RANK.__getitem__)) if self.severities else None


def places(found: list[Mention], events: list[Event]) -> list[Place]:
    """Give each mention of a sentence its place.

    Parameters
    ----------
    found : list of Mention
        In the order of `events`.
    events : list of Event

    Returns
    -------
    list of Place
        One a mention.
    """
    given = [Place() for _ in found]
    if not found:
        return given
    parts, parts_ahead = _counted(events, _PARTS), _counted(events, _PARTS_AHEAD)
    breaks = _breaks(events)
    following = 0
    prepositions_end = -10
    for index, event in enumerate(events):
        while following < len(found) and found[following].event < index:
            following += 1
        if event.has("preposition"):
            prepositions_end = event.end
        own = following < len(found) and found[following].event == index
        if not event.has("side", "zone", "severity") or _is_elsewhere(index, following, found, events, parts_ahead):
            continue
        if own and not event.has("predicate", "severity"):
            owner = following
        else:
            after_preposition = event.start - prepositions_end < _REACH_OF_PREPOSITION
            owner = _owner(index, following, found, events, parts, parts_ahead, after_preposition=after_preposition)
            if owner < following and breaks[index] > breaks[found[owner].event]:
                continue
        given[owner].sides |= {meaning.value for meaning in event.get("side")}
        given[owner].zones |= {meaning.value for meaning in event.get("zone")}
        given[owner].severities |= {meaning.value for meaning in event.get("severity")}
        given[owner].behind |= owner < following
    _share(found, given)
    _explain(found, given, events)
    return given


def _counted(events: list[Event], kinds: tuple[Kind, ...]) -> list[int]:
    """Count the events that part, up to and with each one."""
    total, counts = 0, []
    for event in events:
        total += event.has(*kinds)
        counts.append(total)
    return counts


def _breaks(events: list[Event]) -> list[int]:
    """Count what nothing more is said behind of what came before: "no", "although", a semicolon."""
    total, counts = 0, []
    for event in events:
        total += event.has("negation_before") or any(meaning.value != _CLAUSE_COMMA for meaning in event.get("end"))
        counts.append(total)
    return counts


def _owner(
    index: int,
    following: int,
    found: list[Mention],
    events: list[Event],
    parts: list[int],
    parts_ahead: list[int],
    *,
    after_preposition: bool,
) -> int:
    """Return which mention a word of place or degree belongs to."""
    before = following - 1
    if before < 0:
        return 0
    if following >= len(found):
        return before
    parted_before = parts[index] > parts[found[before].event]
    parted_after = parts_ahead[found[following].event] > parts_ahead[index]
    if parted_before != parted_after:
        return following if parted_before else before
    if (
        parted_before
        and _has_end(events[index + 1 : found[following].event])
        and not _has_end(events[found[before].event + 1 : index])
    ):
        return before
    if parted_before:
        return before if after_preposition or events[index].has("severity") is False else following
    if _stands_before(index, found[following].event, events):
        return following
    return (
        before
        if after_preposition or _gap(index, found[before].event, events) < _gap(index, found[following].event, events)
        else following
    )


def _has_end(events: list[Event]) -> bool:
    return any(event.has("end") for event in events[:_MOST_MODIFIERS])


def _is_elsewhere(index: int, following: int, found: list[Mention], events: list[Event], parts: list[int]) -> bool:
    """Whether a word of place is about another organ: "elevated right hemidiaphragm with atelectasis"."""
    if index + 1 >= len(events) or events[index + 1].start != events[index].end:
        return False
    if not any(meaning.value == "elsewhere" for meaning in events[index + 1].get("subject")):
        return False
    if following and parts[found[following - 1].event] == parts[index]:
        return False  # "free air below the right hemidiaphragm"
    return following >= len(found) or parts[found[following].event] > parts[index]


def _stands_before(index: int, target: int, events: list[Event]) -> bool:
    """Whether only words of place or degree stand between a word and the finding behind it."""
    end = events[index].end
    for event in events[index + 1 : min(target, index + _MOST_MODIFIERS) + 1]:
        if event.start - end > 1:
            return False
        if event is events[target]:
            return True
        if not event.has("side", "zone", "severity", "anew"):
            return False
        end = event.end
    return False


def _gap(index: int, other: int, events: list[Event]) -> int:
    """Return how many tokens lie between two events."""
    first, second = sorted((events[index], events[other]))
    return second.start - first.end


def _share(found: list[Mention], given: list[Place]) -> None:
    """Let the parts of a list share a side that only one of them names."""
    for index in range(1, len(found)):
        before, here = given[index - 1], given[index]
        if found[index].link not in {"and", "or", "between"} or found[index].polarity != found[index - 1].polarity:
            continue
        if before.sides and not here.sides and not here.zones and not before.behind and found[index].by_word:
            here.sides |= before.sides
            if found[index].link != "and":  # "left basilar atelectasis or infiltrate" is one place
                here.zones |= before.zones
        elif here.behind and here.sides and not before.sides and not before.zones:
            before.sides |= here.sides
            before.zones |= here.zones


def _explain(found: list[Mention], given: list[Place], events: list[Event]) -> None:
    """Put an explanation where its sign is: "left basilar opacity, suggestive of pneumonia"."""
    for index in range(1, len(found)):
        before, here = found[index - 1], found[index]
        place = given[index]
        if (
            place.sides
            or place.zones
            or here.clause != before.clause
            or before.polarity not in {"present", "uncertain"}
        ):
            continue
        between = events[before.event + 1 : here.event]
        told = any(event.has("equals", "same") for event in between)
        joined = here.link in {"or", "between", "and"} and given[index - 1].explains
        if here.polarity in {"present", "uncertain"} and (
            (told and not _SIGNS.isdisjoint(before.labels)) or (joined and here.polarity == before.polarity)
        ):
            place.sides |= given[index - 1].sides
            place.zones |= given[index - 1].zones
            place.explains = True
