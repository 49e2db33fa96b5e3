"""What a text says of the findings: from a report to claims.

Which words name which finding is written in one table a language (``languages/<code>/claims.json``); how cues of
negation and doubt reach, in `claim_scope`; how places are given out, in `claim_places`. Choices that the tables make:

- *Opacity* and *airspace disease* are related words of Infiltration, as coders and labellers have one term for all
  three; where the text also names an infiltrate, its own word decides. A *nodular* or *rounded* opacity is a Nodule.
- A *granuloma* is a Nodule, calcified or not; *scarring* is Fibrosis, *congestion* and *heart failure* are Edema,
  *COPD* is Emphysema, each as a related word.
- *Blunted angles* leave an Effusion uncertain, a *borderline* heart a Cardiomegaly. "Likely" is said of what is there,
  "possibly" and "probably" are doubt, and alternatives ("or", "versus") leave all of them uncertain.
- "Resolved" is absent; "improved", "stable", "resolving" are present.
- *Clear lungs* deny Consolidation, Infiltration and Pneumonia; *no acute cardiopulmonary abnormality* denies
  Consolidation, Pneumonia, Edema and Pneumothorax; a *normal chest* all of them. What is only implied gives way to
  anything that the text says of the finding itself.
"""

from collections.abc import Iterable
from typing import cast

from lucidray.domain.claim import Claim, ClaimLabel, Polarity, Severity
from lucidray.domain.vocabulary import Side, Zone
from lucidray.reasoning.claim_lexicon import claim_languages, load_claim_lexicon
from lucidray.reasoning.claim_mentions import IMPLIED, NAMED, RELATED
from lucidray.reasoning.claim_places import places
from lucidray.reasoning.claim_scope import mentions
from lucidray.reasoning.claim_text import claiming_sentences

__all__ = ["claim_languages", "extract_claims", "summarise"]


def extract_claims(text: str, language: str = "en") -> list[Claim]:
    """Find what a report says of the 14 findings and of free air.

    Parameters
    ----------
    text : str
        A report, whole or in part, plain or in Markdown. Sections that ask, compare or look back make no claims.
    language : str
        ISO 639-1: one of `claim_languages`.

    Returns
    -------
    list of Claim
        In the order of the text; a sentence makes the same claim once. A finding that is named anywhere is not claimed
        absent by a general statement ("the lungs are clear"), nor by a related word ("congestion" beside "no edema").
        A normal heart beside a cardiomegaly is kept: the text contradicts itself.

    Raises
    ------
    UsageError
        There is no table for the language.
    """
    lexicon = load_claim_lexicon(language)
    found: list[tuple[int, Claim]] = []
    organs: set[int] = set()
    for sentence in claiming_sentences(text, lexicon):
        tokens = lexicon.tokens(sentence)
        events = lexicon.events(tokens)
        mentioned = mentions(tokens, events)
        said: dict[tuple[str, Polarity, Side | None, Zone | None, Severity | None], int] = {}
        for mention, place in zip(mentioned, places(mentioned, events), strict=True):
            if mention.polarity is None:
                continue
            severity = None if mention.polarity == "absent" else place.severity
            for label in mention.labels:
                key = (label, mention.polarity, place.side, place.zone, severity)
                said[key] = min(mention.level, said.get(key, mention.level))
        plain_organ = {
            label
            for mention in mentioned
            if not mention.by_word and mention.level == RELATED and mention.polarity == "absent"
            for label in mention.labels
        }
        for (label, polarity, side, zone, degree), level in said.items():
            name = cast("ClaimLabel", label)
            if polarity == "absent" and level == RELATED and label in plain_organ:
                organs.add(len(found))
            found.append(
                (level, Claim(label=name, polarity=polarity, side=side, zone=zone, severity=degree, sentence=sentence))
            )
    level_of: dict[str, int] = {}
    for level, claim in found:
        level_of[claim.label] = min(level, level_of.get(claim.label, IMPLIED))
    named = {claim.label for level, claim in found if level == NAMED and claim.polarity == "present"}
    return [
        claim
        for at, (level, claim) in enumerate(found)
        if level == level_of[claim.label] or (at in organs and claim.label in named)
    ]


def summarise(claims: Iterable[Claim]) -> dict[ClaimLabel, Polarity]:
    """Return one polarity a finding: present goes before uncertain, uncertain before absent.

    A report that sees a finding in one place and not in another has seen it; the impression does not outweigh the
    findings, since it is the shorter of the two and leaves things out.
    """
    order: tuple[Polarity, ...] = ("absent", "uncertain", "present")
    summary: dict[ClaimLabel, Polarity] = {}
    for claim in claims:
        before = summary.get(claim.label, claim.polarity)
        summary[claim.label] = max(claim.polarity, before, key=order.index)
    return summary
