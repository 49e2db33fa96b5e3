"""What a reader decided about one finding: taken from its claims, or from the status that a network's score came to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lucidray.domain.claim import Claim
from lucidray.domain.reading import Finding
from lucidray.domain.vocabulary import OPACITY, OVERLAPS, Label
from lucidray.reasoning.claims import summarise

Said = Literal["present", "absent", "undecided", "silent", "refused", "failed"]
"""`undecided`: in doubt. `silent`: claims nothing about it, or does not assess it. `refused`: by the gate. `failed`: no
usable answer. Only the first two can be right."""
SAID: tuple[Said, ...] = ("present", "absent", "undecided", "silent", "refused", "failed")


@dataclass(frozen=True)
class Verdict:
    """A decision, and what it rests on.

    Attributes
    ----------
    said : Said
    stands_in : bool
        Nothing was claimed of the finding itself: another word for the same shadow decided.
    """

    said: Said
    stands_in: bool = False


def from_claims(claims: Iterable[Claim], finding: Label) -> Verdict:
    """Decide by what a text claims.

    A claim about the finding itself decides. Where there is none, what the text says of other words for the same shadow
    stands in (for pneumonia: consolidation and infiltration): present where any of them is, in doubt where any is
    doubted, absent where they are only denied.
    """
    summary = summarise(claims)
    if finding in summary:
        return Verdict(_SAID[summary[finding]])
    others = [summary[label] for label in stand_ins(finding) if label in summary]
    for polarity in ("present", "uncertain", "absent"):
        if polarity in others:
            return Verdict(_SAID[polarity], stands_in=True)
    return Verdict("silent")


def stand_ins(finding: Label) -> Sequence[Label]:
    """Return the other words for the same shadow."""
    same = OVERLAPS[OPACITY]
    return [label for label in same if label != finding] if finding in same else []


def from_findings(findings: Iterable[Finding], finding: Label) -> Verdict:
    """Decide by the networks' own status of the finding."""
    status = next(one.status for one in findings if one.label == finding)
    return Verdict("silent" if status == "unsupported" else _SAID[status])


def right(said: Said, *, truth: bool) -> bool:
    """Whether it was right; doubt, silence and no answer never are."""
    return said == ("present" if truth else "absent")


_SAID: dict[str, Said] = {"present": "present", "absent": "absent", "uncertain": "undecided"}
