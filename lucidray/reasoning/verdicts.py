"""A reader's text as a report: each sentence with its evidence and what the findings say of it.

`supported`: all that the sentence claims was decided alike, on the same side where both name one. `contradicted`: a
finding was decided the other way, or lies on another side. `unverified`: anything else, above all what lucidray does
not assess, what is uncertain, and what makes no claim.
"""

from collections.abc import Sequence

from lucidray.domain.claim import Claim
from lucidray.domain.reading import READER_ID, Finding, Headings, ReaderRegion, Report, Sentence
from lucidray.domain.vocabulary import Side, Verdict
from lucidray.reasoning.comparison import denies, mates_of, may_be_same, sides_said, sides_seen
from lucidray.reasoning.sections import Cut


def write(
    parts: Cut,
    claims: Sequence[Claim],
    findings: Sequence[Finding],
    regions: Sequence[ReaderRegion],
    language: str,
    headings: Headings,
) -> Report:
    """Make the report.

    Parameters
    ----------
    parts : Cut
        The reader's text.
    claims : sequence of Claim
        All that it claims; each names the sentence that it stands in.
    findings : sequence of Finding
        Statuses decided, regions located.
    regions : sequence of ReaderRegion
        Where the reader points.
    language : str
        ISO 639-1.
    headings : Headings
        Of the sections, in that language.
    """
    every = [*parts.findings, *parts.locations, *parts.impression]
    owned = assign(every, claims)

    def judged(texts: Sequence[str]) -> list[Sentence]:
        return [judge(text, owned[_key(text)], findings, regions) for text in texts]

    return Report(
        language=language,
        headings=headings,
        findings=judged(parts.findings),
        locations=judged(parts.locations),
        impression=judged(parts.impression),
    )


def assign(texts: Sequence[str], claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """Give every sentence its claims, by the sentence that a claim names: the same, one around it, or parts of it."""
    owned: dict[str, list[Claim]] = {_key(text): [] for text in texts}
    for claim in claims:
        named = _key(claim.sentence)
        same = [key for key in owned if key == named]
        around = [key for key in owned if named and named in key]
        within = [key for key in owned if key and key in named]
        for key in same or around or within:
            owned[key].append(claim)
    return owned


def judge(text: str, claims: Sequence[Claim], findings: Sequence[Finding], regions: Sequence[ReaderRegion]) -> Sentence:
    """Give a sentence its verdict, and the ids of what that rests on."""
    by_label = {finding.label: finding for finding in findings}
    verdicts: list[Verdict] = []
    evidence: list[str] = []
    for claim in claims:
        finding = None if claim.label == "Free Air" else by_label[claim.label]
        mates = [by_label[mate] for mate in mates_of(claim.label)]
        verdicts.append(verdict_of(claim, finding, mates))
        if finding is not None and finding.status != "unsupported":
            with_it = [region.id for region in finding.regions if _goes_with(region.side, claim)]
            # Where no region is on the side that is claimed, those on the other side are what contradicts it.
            evidence += [finding.id, *(with_it or [region.id for region in finding.regions])]
        if claim.polarity != "absent":
            evidence += [
                region.id for region in regions if region.label == claim.label and _goes_with(region.side, claim)
            ]
    evidence += [region.id for region in regions if region.label is None and _key(region.name) in _key(text)]
    verdict: Verdict = "unverified"
    if "contradicted" in verdicts:
        verdict = "contradicted"
    elif verdicts and set(verdicts) == {"supported"}:
        verdict = "supported"
    return Sentence(text=text, evidence=list(dict.fromkeys(evidence)) or [READER_ID], verdict=verdict)


def verdict_of(claim: Claim, finding: Finding | None, mates: Sequence[Finding]) -> Verdict:
    """Judge one claim by the finding that it speaks of; `mates` name the same shadow in other words."""
    if finding is None or finding.status in ("unsupported", "uncertain") or claim.polarity == "uncertain":
        return "unverified"
    if claim.polarity == "present":
        if finding.status == "absent":
            # "Consolidation" where the classifier calls the shadow pneumonia is another word, and no contradiction.
            return "unverified" if any(may_be_same([claim], mate) for mate in mates) else "contradicted"
        return _by_side(sides_said([claim]), sides_seen(finding))
    if finding.status == "absent":
        return "supported"
    return "contradicted" if denies([claim], finding) else "unverified"


def _by_side(said: frozenset[Side], seen: frozenset[Side]) -> Verdict:
    if not said or not seen or said <= seen:
        return "supported"
    return "unverified" if said & seen else "contradicted"


def _goes_with(side: Side | None, claim: Claim) -> bool:
    """Whether a region may be part of what a claim speaks of."""
    if claim.polarity != "present" or claim.side in (None, "both", "midline") or side in (None, "both", "midline"):
        return True
    return side == claim.side


def _key(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .。;；:,")
