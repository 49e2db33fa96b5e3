"""How far a reading can be relied on, and whether a person should read the film first: `rules.toml` [confidence]."""

import math
from collections.abc import Sequence

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.judgement import Confidence, Contradiction
from lucidray.domain.reading import Finding
from lucidray.reasoning.comparison import Comparison
from lucidray.reasoning.rules import ConfidenceRules
from lucidray.reasoning.wording import Wording


def entropy_bits(probability: float) -> float:
    """Return the entropy of a yes-or-no question, in bits: 0 where the answer is certain, 1 at even odds."""
    return -sum(share * math.log2(share) for share in (probability, 1 - probability) if share > 0)


def certainty(finding: Finding) -> float | None:
    """Return how much a finding's calibrated probability settles, in [0, 1]; None where it has none."""
    if finding.probability is None:
        return None
    low, high = finding.interval or (finding.probability, finding.probability)
    return (1 - entropy_bits(finding.probability)) * (1 - (high - low))


def of_classifier(findings: Sequence[Finding]) -> float | None:
    """Return the mean certainty over the assessed findings; None where none has a probability."""
    known = [value for finding in findings if (value := certainty(finding)) is not None]
    return sum(known) / len(known) if known else None


def agreement(compared: Sequence[Comparison]) -> tuple[int, int]:
    """Return on how many findings the reader agrees, and on how many it can be compared.

    It can be compared on a finding that the classifier decided and that the reader names, and on every present finding,
    which a reader should not pass over. What it calls by another name counts once, with the finding that is there.
    """
    renamed = [one for one in compared if one.status == "absent" and one.relation == "other_name"]
    decided = [one for one in compared if one.status in ("present", "absent") and one not in renamed]
    comparable = [one for one in decided if one.says is not None or one.status == "present"]
    agreed = [one for one in comparable if one.relation in ("agree", "other_name") and not one.inconsistent]
    return len(agreed), len(comparable)


def judge_confidence(
    compared: Sequence[Comparison],
    contradictions: Sequence[Contradiction],
    reader: str,
    token_confidence: float | None,
    told_findings: bool,
    critical: frozenset[ClaimLabel],
    rules: ConfidenceRules,
    wording: Wording,
) -> Confidence:
    """Judge how far the reading can be relied on.

    Parameters
    ----------
    compared : sequence of Comparison
    contradictions : sequence of Contradiction
    reader : str
        Name of who wrote the report.
    token_confidence : float in [0, 1] or None
        Of a reader that tells it.
    told_findings : bool
        The reader was told the findings: that it agrees with them says nothing.
    critical : set of labels
        What must not stay in doubt without a person's look.
    rules : ConfidenceRules
    wording : Wording
    """
    findings = [one.finding for one in compared if one.finding is not None]
    assessed = [finding for finding in findings if finding.status != "unsupported"]
    decided = [finding for finding in assessed if finding.status in ("present", "absent")]
    by_classifier = of_classifier(assessed)
    if by_classifier is None:
        basis = [wording.say("basis.classifier_none")]
    else:
        basis = [wording.say("basis.classifier", count=str(len(assessed)))]
    one_source = all(one.relation == "one_source" for one in compared)
    by_reader = None
    if one_source:
        basis.append(wording.say("basis.one_source", reader=reader))
    else:
        by_reader, told = _of_reader(compared, reader, token_confidence, wording, told_findings=told_findings)
        basis += told
    contradicted = any(entry.kind != "sources_disagree" for entry in contradictions)
    known = [value for value in (by_classifier, by_reader) if value is not None]
    fused = 0.0
    if by_classifier is not None:
        fused = min(known) if contradicted else sum(known) / len(known)
    if len(known) == 2:
        basis.append(wording.say("basis.fused_lower" if contradicted else "basis.fused_mean"))
    counts = {"decided": str(len(decided)), "assessed": str(len(assessed))}
    if assessed:
        basis.append(wording.say("basis.coverage", **counts))
    coverage = len(decided) / len(assessed) if assessed else 0.0
    words = wording.part(f"confidence.{_band(fused, rules)}")

    reasons = []
    if not assessed:
        reasons.append(wording.part("read_first.nothing"))
    elif coverage < rules.min_coverage:
        reasons.append(wording.part("read_first.coverage", **counts))
    if assessed and fused < rules.read_first_below:
        reasons.append(wording.part("read_first.confidence", fused=words))
    disputed = dict.fromkeys(entry.label for entry in contradictions if entry.label in critical)
    if disputed:
        reasons.append(wording.part("read_first.contradiction", findings=_names(disputed, wording)))
    doubtful = dict.fromkeys(
        one.label
        for one in compared
        if one.label in critical and one.label not in disputed and "uncertain" in (one.status, one.says)
    )
    if doubtful:
        reasons.append(wording.part("read_first.critical", findings=_names(doubtful, wording)))
    return Confidence(
        classifier=_rounded(by_classifier),
        reader=_rounded(by_reader),
        fused=round(fused, 3),
        coverage=round(coverage, 3),
        words=words,
        read_first=bool(reasons),
        basis=[*basis, *(wording.say("read_first", reason=reason) for reason in reasons)],
        reasons=[reason[0].upper() + reason[1:] for reason in reasons],
    )


def _of_reader(
    compared: Sequence[Comparison],
    reader: str,
    token_confidence: float | None,
    wording: Wording,
    *,
    told_findings: bool,
) -> tuple[float | None, list[str]]:
    agreed, count = agreement(compared)
    told = []
    if token_confidence is None:
        told.append(wording.say("basis.reader_no_tokens", reader=reader))
    else:
        told.append(wording.say("basis.reader_tokens", reader=reader, tokens=wording.percent(token_confidence)))
    if told_findings:
        told.append(wording.say("basis.reader_told"))
    elif count:
        told.append(wording.say("basis.reader_agreement", agreed=str(agreed), compared=str(count)))
    else:
        told.append(wording.say("basis.reader_nothing"))
    agrees = agreed / count if count and not told_findings else None
    known = [value for value in (token_confidence, agrees) if value is not None]
    return (min(known) if known else None), told


def _band(fused: float, rules: ConfidenceRules) -> str:
    if fused >= rules.high_from:
        return "high"
    return "moderate" if fused >= rules.moderate_from else "low"


def _names(labels: "dict[ClaimLabel, None]", wording: Wording) -> str:
    return wording.join([wording.finding(label) for label in labels])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
