"""What a reader is taught to answer: a structured report in lucidray's own sentences, made from labels and boxes.

A finding that nobody spoke of is in no sentence. Sides and zones come from the segmented lungs. Where the manifest has
the text of a report, that text is the answer, with lines for its boxes put between its findings and its impression.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lucidray.domain.vocabulary import LABELS, OPACITY, OVERLAPS, Label, Side, Zone
from lucidray.evaluation.label_files.table import Truth
from lucidray.readers.clinical import HEART, LUNGS, OTHER, PLEURA, URGENCY, overlap_of
from lucidray.readers.phrases import Phrases, load_phrases
from lucidray.readers.places import Cell, sides, words
from lucidray.readers.plain_text import one_line

LANGUAGE = "en"
ANY_ABNORMALITY = "Any abnormality"
_IMPRESSION = re.compile(r"^[ \t]*(?:impression|conclusion)[ \t]*:?", re.IGNORECASE | re.MULTILINE)
_FINDINGS = re.compile(r"^[ \t]*findings[ \t]*:?[ \t]*", re.IGNORECASE)
_OPACITY_NAMES = frozenset({"opacity", "lung opacity"})


@dataclass(frozen=True)
class Spot:
    """A box that is written about.

    Attributes
    ----------
    finding : str
        As the manifest calls it.
    locs : str
        Its four tokens.
    side, zone : Side, Zone or None
        By the segmented lungs; None where none were found.
    phrase : str
        The words of the report that the box stands for; empty where there are none.
    """

    finding: str
    locs: str
    side: Side | None
    zone: Zone | None
    phrase: str = ""


def compose(truth: Mapping[str, Truth], spots: Sequence[Spot] = (), report: str = "") -> str | None:
    """Write an answer.

    Parameters
    ----------
    truth : mapping
        By finding; one that is not in it is not spoken of.
    spots : sequence of Spot
        They become LOCATIONS, and the places in the other sections.
    report : str
        Text of a report, which goes before sentences of our own.

    Returns
    -------
    str or None
        Sections under their headings; None where there is nothing to say.
    """
    phrases = load_phrases(LANGUAGE)
    headings = phrases.headings
    # Whoever drew a finding has seen it, whatever a label says that was mined from words.
    truth = {**truth, **{spot.finding: "positive" for spot in spots if spot.finding in LABELS}}
    if report.strip():
        findings, impression = _parted(report)
    else:
        findings, impression = _findings(truth, spots, phrases), _impression(truth, spots, phrases)
    sections = (
        (headings.findings, findings),
        (headings.locations, "\n".join(location(spot, truth, phrases) for spot in spots)),
        (headings.impression, impression),
    )
    written = [f"{heading.upper()}\n{text}" for heading, text in sections if text]
    return "\n\n".join(written) or None


def location(spot: Spot, truth: Mapping[str, Truth], phrases: Phrases) -> str:
    """Write a box's line: its tokens, what it is, and where.

    A drawn opacity bears the name that the film's labels have for it, where they have one.
    """
    name = one_line(spot.phrase).replace(";", ",").replace("<", "‹").rstrip(" .")
    if not name:
        named = [label for label in OVERLAPS[OPACITY] if _is_opacity(spot) and truth.get(label) == "positive"]
        finding = named[0] if len(named) == 1 else spot.finding
        name = f"{_name(finding, phrases)} {_where([spot], phrases)}".strip()
    return f"{spot.locs} {_sentence(name)}"


def _parted(report: str) -> tuple[str, str]:
    """Cut a report at its impression; other headings stay where they are."""
    text = "\n".join(line.strip() for line in report.strip().splitlines())
    found = _IMPRESSION.search(text)
    if found is None:
        return _FINDINGS.sub("", text, count=1).strip(), ""
    return _FINDINGS.sub("", text[: found.start()].strip(), count=1).strip(), text[found.end() :].strip(" :\n")


def _findings(truth: Mapping[str, Truth], spots: Sequence[Spot], phrases: Phrases) -> str:
    sentences: list[str] = []
    for organ in (LUNGS, PLEURA, (HEART,), OTHER):
        if organ == LUNGS:
            sentences += _opacity(truth, spots, phrases)
        present = [label for label in organ if truth.get(label) == "positive"]
        sentences += [_present(label, _of(label, spots), phrases) for label in present]
        unsure = [label for label in organ if truth.get(label) == "uncertain"]
        sentences += [f"{_sentence(phrases.subjects[label].name, end='')} cannot be excluded." for label in unsure]
        absent = [
            label for label in organ if truth.get(label) == "negative" and not _told_otherwise(label, truth, spots)
        ]
        if absent:
            sentences.append(phrases.sentence("absent", items=phrases.findings(absent, "nor")))
    return "\n".join(sentences)


def _told_otherwise(label: Label, truth: Mapping[str, Truth], spots: Sequence[Spot]) -> bool:
    """Whether the shadow is there under another name: who says "infiltration" has not told pneumonia apart from it."""
    group = overlap_of(label)
    if group == OPACITY and any(_is_opacity(spot) for spot in spots):
        return True
    return group is not None and any(truth.get(other) in ("positive", "uncertain") for other in OVERLAPS[group])


def _present(label: Label, spots: Sequence[Spot], phrases: Phrases) -> str:
    if label == HEART:
        return phrases.sentence("heart.present")
    place = _where(spots, phrases)
    if label in OVERLAPS[OPACITY]:
        # The composer calls all three an opacity, as a classifier cannot tell them apart; whoever labelled did.
        return " ".join(f"There is {phrases.subjects[label].name} {place}".split()) + "."
    if place:
        count = 2 if {"left", "right"} <= sides(_cells(spots)) or (_counted(label) and len(spots) > 1) else 1
        return phrases.sentence("present", subject=label, count=count, place=place)
    # Without a place the composer says that none could be determined: of a label nobody looked for one.
    return phrases.sentence("present_unplaced", subject=label).partition(";")[0].rstrip(".") + "."


def _opacity(truth: Mapping[str, Truth], spots: Sequence[Spot], phrases: Phrases) -> list[str]:
    """Speak of opacities that were drawn and that no label names."""
    drawn = [spot for spot in spots if _is_opacity(spot)]
    if not drawn or any(truth.get(label) == "positive" for label in OVERLAPS[OPACITY]):
        return []
    place = _where(drawn, phrases)
    several = {"left", "right"} <= sides(_cells(drawn))
    return [" ".join(f"{'There are opacities' if several else 'There is an opacity'} {place}".split()) + "."]


def _impression(truth: Mapping[str, Truth], spots: Sequence[Spot], phrases: Phrases) -> str:
    sentences = [
        _sentence(f"{phrases.subjects[label].name} {_where(_of(label, spots), phrases)}".strip())
        for label in URGENCY
        if truth.get(label) == "positive"
    ]
    sentences += _opacity(truth, spots, phrases) if not sentences else []
    # One sentence each: of "possible a, b and c", readers and programs alike take c for said.
    unsure = [label for label in URGENCY if truth.get(label) == "uncertain"]
    sentences += [f"Possible {phrases.subjects[label].name}." for label in unsure]
    if sentences:
        return "\n".join(sentences)
    known = {truth[label] for label in LABELS if label in truth}
    overall = truth.get(ANY_ABNORMALITY)
    if overall == "positive":
        return "The film is abnormal."
    if overall == "negative" or (known == {"negative"} and all(label in truth for label in LABELS)):
        return phrases.sentence("impression.no_abnormality")
    return ""


def _of(label: Label, spots: Sequence[Spot]) -> list[Spot]:
    """Return a finding's own boxes, or those of the opacity that it is one name of."""
    own = [spot for spot in spots if spot.finding == label]
    return own or ([spot for spot in spots if _is_opacity(spot)] if label in OVERLAPS[OPACITY] else [])


def _is_opacity(spot: Spot) -> bool:
    return spot.finding.lower() in _OPACITY_NAMES


def _counted(label: Label) -> bool:
    return label in {"Mass", "Nodule"}


def _cells(spots: Sequence[Spot]) -> frozenset[Cell]:
    found: set[Cell] = set()
    for spot in spots:
        if spot.side is not None and spot.zone is not None:
            both: tuple[Side, ...] = ("right", "left") if spot.side == "both" else (spot.side,)
            found |= {(side, spot.zone) for side in both}
    return frozenset(found)


def _where(spots: Sequence[Spot], phrases: Phrases) -> str:
    """Write where boxes lie; nothing where no lungs were found, and of the heart, whose place goes without saying."""
    cells = _cells([spot for spot in spots if spot.finding != HEART])
    return words(cells, phrases) if cells else ""


def _name(finding: str, phrases: Phrases) -> str:
    if finding.lower() in _OPACITY_NAMES:
        return phrases.subjects[OPACITY].name
    subject = phrases.subjects.get(finding)
    return one_line(finding).lower() if subject is None else subject.name


def _sentence(text: str, end: str = ".") -> str:
    return text[:1].upper() + text[1:] + end
