"""How pressing a film is. Points only add up, so nothing that anybody doubts, omits or disputes lowers it.

The points and their reasons stand in `rules.toml` [risk].
"""

from collections import Counter
from collections.abc import Sequence

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.judgement import Contradiction, Risk
from lucidray.domain.reading import Overall
from lucidray.reasoning.comparison import Comparison, mates_of
from lucidray.reasoning.rules import RiskRules
from lucidray.reasoning.wording import Wording

# Other disagreements are in the points already: what the reader adds counts as present, what it does not confirm as
# unconfirmed. Counted twice, a doubt would weigh less than the silence before it.
_COUNTED = frozenset({"sides_differ", "reader_inconsistent", "sources_disagree"})
_UNCONFIRMED = frozenset({"reader_silent", "reader_denies", "reader_doubts"})


def critical_labels(rules: RiskRules) -> frozenset[ClaimLabel]:
    """Return the labels that alone make the risk high."""
    return frozenset(label for label, points in rules.findings.items() if points.present >= rules.high_from)


def judge_risk(
    compared: Sequence[Comparison],
    contradictions: Sequence[Contradiction],
    overall: Overall | None,
    red_flags: Sequence[tuple[str, ...]],
    rules: RiskRules,
    wording: Wording,
) -> Risk:
    """Judge how pressing the film is.

    Parameters
    ----------
    compared : sequence of Comparison
    contradictions : sequence of Contradiction
    overall : Overall or None
    red_flags : sequence of tuples of concepts
        Symptoms that, given together, need an answer whatever the film shows.
    rules : RiskRules
    wording : Wording

    Returns
    -------
    Risk
        Its factors with the heaviest first.
    """
    points = {one.label: points_of(one, rules) for one in compared}
    weighed = []
    for one in compared:
        if not points[one.label]:
            continue
        heavier = _counted_instead(one.label, points)
        told = _said_of(one, wording)
        if heavier is not None:
            name = wording.finding(one.label)
            told = wording.say("factor.counted_once", finding=name, other=wording.finding(heavier))
        weighed.append((0.0 if heavier else points[one.label], told))
    for one in compared:
        if one.status == "present" and one.relation in _UNCONFIRMED:
            weighed.append((rules.unconfirmed, wording.say("factor.unconfirmed", finding=wording.finding(one.label))))
    counted = Counter(entry.label for entry in contradictions if entry.kind in _COUNTED)
    for label, times in counted.items():
        told = wording.say("factor.contradiction", finding=wording.finding(label))
        weighed.append((rules.contradiction * times, told))
    total = sum(value for value, _ in weighed)
    floor, told_floor = _floor(overall, rules, wording)
    if told_floor:
        weighed.append((floor, told_floor))
    for flag in red_flags:
        names = wording.join([wording.symptom(concept) for concept in flag])
        weighed.append((rules.red_flag, wording.say("factor.red_flag", symptoms=names)))
    total = max(total, floor) + rules.red_flag * len(red_flags)
    level = "High" if total >= rules.high_from else "Moderate" if total >= rules.moderate_from else "Low"
    missing = [one.label for one in compared if one.label in rules.must_be_assessed and one.status == "unsupported"]
    words = wording.say(f"risk.{level}")
    if level == "Low" and missing:
        words = wording.say("risk.low_among", findings=wording.join([wording.finding(label) for label in missing]))
    ranked = sorted(weighed, key=lambda pair: -pair[0])
    return Risk(level=level, words=words, points=round(total, 2), factors=[told for _, told in ranked])


def points_of(one: Comparison, rules: RiskRules) -> float:
    """Return a finding's points: present as soon as one source says so, uncertain as soon as one is in doubt.

    A detector's box where the classifier sees nothing is a doubt.
    """
    points = rules.findings[one.label]
    if "present" in (one.status, one.says):
        return points.present
    return points.uncertain if one.boxed or "uncertain" in (one.status, one.says) else 0.0


def _counted_instead(label: ClaimLabel, points: dict[ClaimLabel, float]) -> ClaimLabel | None:
    """Return the label of the same shadow that counts in place of this one: the heavier, of equal ones the first."""
    order = list(points)

    def weight(which: ClaimLabel) -> tuple[float, int]:
        return points[which], -order.index(which)

    group: list[ClaimLabel] = [label, *(mate for mate in mates_of(label) if mate in points)]
    heaviest: ClaimLabel = max(group, key=weight)
    return None if heaviest == label else heaviest


def _said_of(one: Comparison, wording: Wording) -> str:
    name = wording.finding(one.label)
    if one.status == "present":
        return wording.scored("factor.present", one.probability, finding=name)
    if one.says == "present":
        key = "factor.reader_confirms_doubt" if one.status == "uncertain" else "factor.reader_present"
        return wording.say(key, finding=name)
    if one.boxed and one.status in ("absent", "unsupported"):
        return wording.say("factor.detector", finding=name)
    if one.status == "uncertain":
        return wording.scored("factor.uncertain", one.probability, finding=name)
    return wording.say("factor.reader_uncertain", finding=name)


def _floor(overall: Overall | None, rules: RiskRules, wording: Wording) -> tuple[float, str]:
    """Return the points that the film as a whole has at least, and why."""
    if overall is None or overall.probability is None or overall.status not in ("present", "uncertain"):
        return 0.0, ""
    told = wording.say(f"factor.overall_{overall.status}", probability=wording.percent(overall.probability))
    return (rules.overall_present if overall.status == "present" else rules.overall_uncertain), told
