"""Fused probabilities and contradictions: what two sources make of a finding together. See `rules.toml` [fusion]."""

from collections.abc import Sequence

from lucidray.domain.claim import Polarity
from lucidray.domain.detection import Pointed
from lucidray.domain.judgement import Contradiction, ContradictionKind, Fused
from lucidray.domain.reading import (
    CARDIOTHORACIC_RATIO_ID,
    CARDIOTHORACIC_RATIO_LIMIT,
    Finding,
    Measurement,
    Overall,
)
from lucidray.reasoning.comparison import Comparison, sides_said, sides_seen
from lucidray.reasoning.rules import FusionRules
from lucidray.reasoning.wording import Wording


def fuse(compared: Sequence[Comparison], rules: FusionRules) -> list[Fused]:
    """Fuse what both sources say.

    Parameters
    ----------
    compared : sequence of Comparison
    rules : FusionRules

    Returns
    -------
    list of Fused
        One a finding that either source speaks of; with one source the probabilities are the classifier's own.
    """
    return [
        Fused(
            label=one.label,
            status=one.status,
            classifier_probability=one.probability,
            reader_says=one.says,
            relation=one.relation,
            fused_probability=fused_probability(one, rules),
        )
        for one in compared
        if one.status != "unsupported" or one.says is not None
    ]


def fused_probability(one: Comparison, rules: FusionRules) -> float | None:
    """Shift the classifier's log-odds by the likelihood ratio of what the reader says; never downwards.

    A reader that sees the finding on another side, or contradicts itself, has not seen the same thing: no shift.
    """
    if one.probability is None or one.relation == "one_source":
        return one.probability
    if one.relation == "sides_differ" or one.inconsistent:
        return one.probability
    return shifted(one.probability, likelihood_ratio(one.says, rules))


def likelihood_ratio(says: Polarity | None, rules: FusionRules) -> float:
    """Return how many times likelier the reader's statement is where the finding is there than where it is not."""
    if says is None:
        return rules.reader_silent
    return {"present": rules.reader_present, "uncertain": rules.reader_uncertain, "absent": rules.reader_absent}[says]


def shifted(probability: float, ratio: float) -> float:
    """Multiply the odds of a probability in [0, 1] by a likelihood ratio of at least 1; 0 and 1 stay what they are."""
    # The same as adding the ratio's logarithm to the log-odds, without their infinite ends.
    after = probability * ratio / (1 + probability * (ratio - 1))
    return max(probability, min(1.0, round(after, 5)))


def contradictions(
    compared: Sequence[Comparison],
    overall: Overall | None,
    measurements: Sequence[Measurement],
    wording: Wording,
    pointed: Sequence[Pointed] = (),
) -> list[Contradiction]:
    """List everything that two sources do not say alike, in the order of the findings."""
    found = [entry for one in compared for entry in _of_reader(one, wording)]
    boxes = _boxes(compared, pointed, wording)
    return [*found, *boxes, *_heart(compared, measurements, wording), *_overall(compared, overall, wording)]


_CONTRADICTING: dict[str, ContradictionKind] = {
    "reader_denies": "reader_denies",
    "reader_adds": "reader_adds",
    "reader_silent": "reader_silent",
    "sides_differ": "sides_differ",
}


def _of_reader(one: Comparison, wording: Wording) -> list[Contradiction]:
    kinds = [_CONTRADICTING[one.relation]] if one.relation in _CONTRADICTING else []
    kinds += ["reader_inconsistent"] if one.inconsistent else []
    return [
        Contradiction(
            label=one.label,
            kind=kind,
            classifier_probability=one.probability,
            reader_says=one.says,
            sentence=one.sentence,
            note=_note(kind, one, wording),
        )
        for kind in kinds
    ]


def _note(kind: ContradictionKind, one: Comparison, wording: Wording) -> str:
    name = wording.finding(one.label)
    if kind == "sides_differ" and one.finding is not None:
        return wording.say(
            "note.sides_differ",
            finding=name,
            reader_sides=wording.sides(sides_said(one.claims)),
            classifier_sides=wording.sides(sides_seen(one.finding)),
        )
    if kind == "reader_inconsistent":
        return wording.say("note.reader_inconsistent", finding=name)
    if kind == "reader_adds" and one.status == "unsupported":
        return wording.say("note.reader_adds_not_assessed", finding=name)
    return wording.scored(f"note.{kind}", one.probability, finding=name)


def _heart(
    compared: Sequence[Comparison], measurements: Sequence[Measurement], wording: Wording
) -> list[Contradiction]:
    """Hold the score for cardiomegaly against the measured ratio, where both can be judged."""
    ratio = next((each for each in measurements if each.id == CARDIOTHORACIC_RATIO_ID), None)
    finding = next((one.finding for one in compared if one.label == "Cardiomegaly"), None)
    if finding is None or finding.probability is None or finding.threshold is None or finding.status == "unsupported":
        return []
    if ratio is None or ratio.value is None or not ratio.reliable:
        return []
    ratio_raised, score_raised = (
        ratio.value > CARDIOTHORACIC_RATIO_LIMIT,
        finding.probability >= finding.threshold,
    )
    if ratio_raised == score_raised:
        return []
    note = wording.say(
        "note.ratio_high" if ratio_raised else "note.score_high",
        ratio=wording.number(ratio.value),
        limit=wording.number(CARDIOTHORACIC_RATIO_LIMIT),
        probability=wording.percent(finding.probability),
    )
    return [_own(finding, note)]


def _boxes(compared: Sequence[Comparison], pointed: Sequence[Pointed], wording: Wording) -> list[Contradiction]:
    """Hold a detector's boxes against the classifier's scores and maps."""
    by_label = {one.label: one.finding for one in compared}
    entries = []
    for one in pointed:
        finding = by_label.get(one.label)
        if finding is None:
            continue
        name = wording.finding(one.label)
        if not one.assessed:
            note = wording.say("note.detector_adds_not_assessed", finding=name, detector=one.detector)
        elif one.detector_sides:
            note = wording.say(
                "note.detector_sides",
                finding=name,
                detector=one.detector,
                detector_sides=wording.sides(one.detector_sides),
                classifier_sides=wording.sides(one.classifier_sides),
            )
        else:
            note = wording.scored("note.detector_adds", finding.probability, finding=name, detector=one.detector)
        entries.append(_own(finding, note))
    return entries


def _overall(compared: Sequence[Comparison], overall: Overall | None, wording: Wording) -> list[Contradiction]:
    """Name the likeliest finding that is present while the overall score is low; one entry for the film."""
    if overall is None or overall.probability is None or not _is_low(overall):
        return []
    present = [
        (one.finding.probability, one.finding)
        for one in compared
        if one.finding is not None and one.finding.status == "present" and one.finding.probability is not None
    ]
    if not present:
        return []
    probability, finding = max(present, key=lambda pair: pair[0])
    note = wording.say(
        "note.overall_low",
        overall=wording.percent(overall.probability),
        finding=wording.finding(finding.label),
        probability=wording.percent(probability),
    )
    return [_own(finding, note)]


def _is_low(overall: Overall) -> bool:
    """Whether the overall score and its interval lie under the threshold, whatever a finding has made of its status."""
    if overall.probability is None or overall.threshold is None:
        return overall.status == "absent"
    reach = overall.probability if overall.interval is None else overall.interval[1]
    return max(overall.probability, reach) < overall.threshold


def _own(finding: Finding, note: str) -> Contradiction:
    return Contradiction(
        label=finding.label,
        kind="sources_disagree",
        classifier_probability=finding.probability,
        reader_says=None,
        sentence=None,
        note=note,
    )
