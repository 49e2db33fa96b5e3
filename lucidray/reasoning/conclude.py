"""All of reasoning in one call: what two sources, or one, come to."""

from collections.abc import Sequence
from dataclasses import dataclass

from lucidray.domain.claim import Claim
from lucidray.domain.detection import Pointed
from lucidray.domain.judgement import Confidence, Contradiction, Diagnosis, Fused, Risk
from lucidray.domain.reading import Finding, Measurement, Overall, Report
from lucidray.domain.vocabulary import Side, Zone
from lucidray.reasoning.comparison import compare
from lucidray.reasoning.confidence import judge_confidence
from lucidray.reasoning.differential import Patient, rank
from lucidray.reasoning.fusion import contradictions, fuse
from lucidray.reasoning.risk import critical_labels, judge_risk
from lucidray.reasoning.rules import load_rules
from lucidray.reasoning.wording import Wording


@dataclass(frozen=True)
class Seen:
    """What is known of an accepted film once it has been looked at.

    Attributes
    ----------
    findings : list of Finding
        All 14, decided and located.
    overall : Overall
    measurements : list of Measurement
    patient : Patient
    red_flags : tuple of tuples of concepts
        Symptoms that, given together, need an answer whatever the film shows.
    pointed : tuple of Pointed
        Where a detector does not say what the classifier says.
    """

    findings: list[Finding]
    overall: Overall
    measurements: list[Measurement]
    patient: Patient
    red_flags: tuple[tuple[str, ...], ...] = ()
    pointed: tuple[Pointed, ...] = ()


@dataclass(frozen=True)
class Said:
    """What a reader said of the film.

    Attributes
    ----------
    reader : str
        Its name.
    claims : tuple of Claim or None
        None where it wrote from the findings and did not look at the film: then there is one source.
    token_confidence : float or None
    differential : tuple of str
        What it lists as its differential, as written.
    told_findings : bool
        It was told the findings before it wrote: what it repeats of them is no second opinion.
    """

    reader: str
    claims: tuple[Claim, ...] | None
    token_confidence: float | None = None
    differential: tuple[str, ...] = ()
    told_findings: bool = False


@dataclass(frozen=True)
class Conclusion:
    """What reasoning adds to a reading; named as the reading's own fields."""

    fusion: list[Fused]
    contradictions: list[Contradiction]
    confidence: Confidence
    risk: Risk
    differential: list[Diagnosis]


def conclude(seen: Seen, said: Said, wording: Wording) -> Conclusion:
    """Compare the sources, and judge confidence, risk and differential."""
    rules = load_rules()
    compared = compare(seen.findings, said.claims, {one.label for one in seen.pointed})
    disagreements = contradictions(compared, seen.overall, seen.measurements, wording, seen.pointed)
    return Conclusion(
        fusion=fuse(compared, rules.fusion.without_agreement() if said.told_findings else rules.fusion),
        contradictions=disagreements,
        confidence=judge_confidence(
            compared,
            disagreements,
            said.reader,
            said.token_confidence,
            said.told_findings,
            critical_labels(rules.risk),
            rules.confidence,
            wording,
        ),
        risk=judge_risk(compared, disagreements, seen.overall, seen.red_flags, rules.risk, wording),
        differential=rank(
            compared, seen.overall, seen.patient, said.differential, said.reader, rules.differential, wording
        ),
    )


def claims_of_report(report: Report, findings: Sequence[Finding]) -> list[Claim]:
    """Return what a report written from the findings claims: the findings themselves, a claim a side.

    The sentence is the first one that rests on the finding; its evidence says so, and no words have to be understood.
    """
    claims = []
    for finding in findings:
        sentence = next((one.text for one in report.sentences if finding.id in one.evidence), None)
        if sentence is None or finding.status == "unsupported":
            continue
        places: list[tuple[Side | None, Zone | None]] = [(region.side, region.zone) for region in finding.regions]
        claims += [
            Claim(label=finding.label, polarity=finding.status, side=side, zone=zone, sentence=sentence)
            for side, zone in dict.fromkeys(places or [(None, None)])
        ]
    return claims
