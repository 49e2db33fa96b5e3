"""A structured report in English out of PadChest's labels and places. Pure text: nothing is read here."""

from dataclasses import dataclass

from lucidray.domain.vocabulary import Side, Zone
from lucidray.evaluation.label_files.padchest import load_names

NORMAL = "Normal chest radiograph."
# Organs in the middle: a side in their sentence is about something else.
_MIDLINE = frozenset({"Cardiomegaly", "Hernia"})
_ZONE_IN_NAME = frozenset({"apical pleural thickening", "atelectasis basal"})
_DIFFUSE = frozenset({"Edema", "Emphysema"})


@dataclass(frozen=True)
class Sentence:
    """What one sentence of a report is labelled with.

    Attributes
    ----------
    labels : tuple of str
        PadChest's names, in lower case.
    side, zone
        Where, None where it does not say.
    unmapped : tuple of str
        Places that the table of names does not know.
    ambiguous : bool
        Whether several labels share places that do not agree.
    """

    labels: tuple[str, ...]
    side: Side | None = None
    zone: Zone | None = None
    unmapped: tuple[str, ...] = ()
    ambiguous: bool = False


def compose(sentences: list[Sentence]) -> str:
    """Write FINDINGS, a sentence a label, and IMPRESSION, the findings among the fourteen in the order of the report.

    A normal film has one sentence for both. Nothing is said to be absent that PadChest did not call normal.
    """
    names = load_names()
    labels = [label for one in sentences for label in one.labels]
    if labels and set(labels) <= {"normal"}:
        return f"FINDINGS: {NORMAL}\nIMPRESSION: {NORMAL}"
    found = _merged(sentences)
    written = [_capital(_place(_words(label), label, side, zone)) for label, (side, zone) in found.items()]
    written = list(dict.fromkeys(sentence for sentence in written if sentence))
    if not written:
        return ""
    main = [label for label in found if label in names.findings]
    others = [label for label in found if label not in names.findings and label not in names.remarks]
    impression = [_place(_words(label), label, found[label][0], None) for label in main or others or found]
    text = _capital("; ".join(dict.fromkeys(words for words in impression if words)))
    return f"FINDINGS: {' '.join(written)}\nIMPRESSION: {text}"


def _merged(sentences: list[Sentence]) -> dict[str, tuple[Side | None, Zone | None]]:
    """Bring what several sentences say of one label together; where two sides differ it is on both."""
    found: dict[str, tuple[Side | None, Zone | None]] = {}
    for one in sentences:
        for label in one.labels:
            side, zone = (None, None) if one.ambiguous else (one.side, one.zone)
            if label not in found:
                found[label] = (side, zone)
                continue
            old_side, old_zone = found[label]
            sides = {old_side, side} - {None}
            zones = {old_zone, zone} - {None}
            found[label] = (
                "both" if len(sides) > 1 else old_side or side,
                None if len(zones) > 1 else old_zone or zone,
            )
    return found


def _words(label: str) -> str:
    names = load_names().words
    return names.get(label, label)


def _place(words: str, label: str, side: Side | None, zone: Zone | None) -> str:
    """Say where: only of findings that have a place in the lungs."""
    findings = set(load_names().findings.get(label, ()))
    if not words or not findings or findings & _MIDLINE:
        return words
    if findings <= _DIFFUSE:
        zone = None
    if label in _ZONE_IN_NAME:
        zone = None
    if zone is None:
        where = {"left": "on the left", "right": "on the right", "both": "on both sides"}
        return f"{words} {where[side]}" if side in where else words
    if side == "both":
        return f"{words} in both {zone} zones"
    return f"{words} in the {side} {zone} zone" if side else f"{words} in the {zone} zone"


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
