"""Finding by finding: what the classifier decided, what the reader says, and how the two go together.

Disagreement is kept as it is, never averaged: whoever reads on sees both. Labels that name one shadow in other words
(consolidation, pneumonia, infiltration; mass, nodule) do not contradict each other.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from lucidray.domain.claim import Claim, ClaimLabel, Polarity
from lucidray.domain.judgement import Relation
from lucidray.domain.reading import Finding
from lucidray.domain.vocabulary import OVERLAPS, Label, Side, Status

# Neither lies on a side: the heart is one, and a hiatal hernia is in front of the spine.
_WITHOUT_SIDE: frozenset[ClaimLabel] = frozenset({"Cardiomegaly", "Hernia", "Free Air"})


@dataclass(frozen=True)
class Comparison:
    """One finding, by both sources.

    Attributes
    ----------
    label : ClaimLabel
    finding : Finding or None
        None for what lucidray has no finding for (free air).
    claims : tuple of Claim
        The reader's, of this label; empty where it is silent, or where nobody looked at the film beside the classifier.
    says : Polarity or None
        What they come to: present where one says so, else uncertain, else absent.
    relation : Relation
    inconsistent : bool
        The reader says of one place both that the finding is there and that it is not.
    boxed : bool
        A detector boxes the finding, and the classifier does not see it there.
    """

    label: ClaimLabel
    finding: Finding | None
    claims: tuple[Claim, ...]
    says: Polarity | None
    relation: Relation
    inconsistent: bool = False
    boxed: bool = False

    @property
    def status(self) -> Status:
        """What the classifier decided."""
        return "unsupported" if self.finding is None else self.finding.status

    @property
    def probability(self) -> float | None:
        """The classifier's calibrated probability."""
        return None if self.finding is None else self.finding.probability

    @property
    def sentence(self) -> str | None:
        """The reader's sentence that decides what it says."""
        return next((claim.sentence for claim in self.claims if claim.polarity == self.says), None)


def compare(
    findings: Sequence[Finding], claims: Sequence[Claim] | None, boxed: Set[Label] = frozenset()
) -> list[Comparison]:
    """Hold the reader's claims against the findings.

    Parameters
    ----------
    findings : sequence of Finding
        All 14, statuses decided, regions located.
    claims : sequence of Claim or None
        Of a reader that looked at the film itself; None where there was none.
    boxed : set of Label
        What a detector boxes where the classifier does not see it.

    Returns
    -------
    list of Comparison
        One a finding, in their order; one more for free air where the reader names it.
    """
    if claims is None:
        return [
            Comparison(finding.label, finding, (), None, "one_source", boxed=finding.label in boxed)
            for finding in findings
        ]
    by_label = {finding.label: finding for finding in findings}
    compared = []
    for finding in findings:
        own = tuple(claim for claim in claims if claim.label == finding.label)
        mates = mates_of(finding.label)
        says_mate = any(
            claim.label in mates and claim.polarity == "present" and same_side([claim], finding) for claim in claims
        )
        sees_mate = any(may_be_same(own, by_label[mate]) for mate in mates)
        relation = _relation(finding, own, says_mate=says_mate, sees_mate=sees_mate)
        is_boxed = finding.label in boxed
        compared.append(Comparison(finding.label, finding, own, polarity(own), relation, _inconsistent(own), is_boxed))
    free_air = tuple(claim for claim in claims if claim.label == "Free Air")
    if free_air:
        says = polarity(free_air)
        relation = "reader_adds" if says == "present" else "not_assessed"
        compared.append(Comparison("Free Air", None, free_air, says, relation, _inconsistent(free_air)))
    return compared


def polarity(claims: Iterable[Claim]) -> Polarity | None:
    """Fold claims of one label: present where one says so, else uncertain, else absent; None where there is none."""
    said = {claim.polarity for claim in claims}
    order: tuple[Polarity, ...] = ("present", "uncertain", "absent")
    return next((each for each in order if each in said), None)


def mates_of(label: ClaimLabel) -> tuple[Label, ...]:
    """Return the other labels that name the same shadow."""
    return tuple(mate for members in OVERLAPS.values() if label in members for mate in members if mate != label)


def sides_seen(finding: Finding) -> frozenset[Side]:
    """Return on which of the two sides the classifier's regions lie; empty where sides do not matter or are unknown."""
    if finding.label in _WITHOUT_SIDE:
        return frozenset()
    return _two(region.side for region in finding.regions)


def sides_said(claims: Iterable[Claim]) -> frozenset[Side]:
    """Return which of the two sides present claims name; empty where none does."""
    named = [claim for claim in claims if claim.polarity == "present" and claim.label not in _WITHOUT_SIDE]
    return _two(claim.side for claim in named if claim.side is not None)


def same_side(claims: Iterable[Claim], finding: Finding) -> bool:
    """Whether present claims and a finding may be of one place: they share a side, or one of them names none."""
    said, seen = sides_said(claims), sides_seen(finding)
    return not said or not seen or bool(said & seen)


def may_be_same(claims: Sequence[Claim], mate: Finding) -> bool:
    """Whether claims may be of a shadow that the classifier calls by another name, and sees or may see on that side."""
    return mate.status in ("present", "uncertain") and same_side(claims, mate)


def _two(sides: Iterable[Side]) -> frozenset[Side]:
    found: set[Side] = set()
    for side in sides:
        found |= {"left", "right"} if side == "both" else {side}
    return frozenset(found - {"midline"})


def denies(claims: Iterable[Claim], finding: Finding) -> bool:
    """Whether absent claims deny the finding where the classifier sees it, and not merely on another side."""
    absent = [claim for claim in claims if claim.polarity == "absent"]
    if any(claim.side in (None, "both", "midline") or claim.label in _WITHOUT_SIDE for claim in absent):
        return True
    seen = sides_seen(finding)
    denied = _two(claim.side for claim in absent if claim.side is not None)
    return bool(denied) and seen <= denied


def _relation(finding: Finding, own: tuple[Claim, ...], *, says_mate: bool, sees_mate: bool) -> Relation:
    says = polarity(own)
    match finding.status:
        case "unsupported":
            return "reader_adds" if says == "present" else "not_assessed"
        case "uncertain":
            return "undecided"
        case "absent":
            if says in ("present", "uncertain"):
                if sees_mate:
                    return "other_name"
                return "reader_adds" if says == "present" else "reader_doubts"
            return "agree"
        case _:
            return _of_present(finding, own, says, says_mate=says_mate)


def _of_present(finding: Finding, own: tuple[Claim, ...], says: Polarity | None, *, says_mate: bool) -> Relation:
    if says == "present":
        seen, said = sides_seen(finding), sides_said(own)
        return "sides_differ" if seen and said and seen != said else "agree"
    if says_mate:
        return "other_name"
    if says == "uncertain":
        return "reader_doubts"
    return "reader_denies" if says == "absent" and denies(own, finding) else "reader_silent"


def _inconsistent(claims: tuple[Claim, ...]) -> bool:
    """Whether a denial reaches a place where another claim sees the finding; a denial without a side is of both."""
    present = [claim for claim in claims if claim.polarity == "present"]
    absent = [claim for claim in claims if claim.polarity == "absent"]
    return any(
        denial.side in (None, claim.side) and denial.zone in (None, claim.zone)
        for denial in absent
        for claim in present
    )
