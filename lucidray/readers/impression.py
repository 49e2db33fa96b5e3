"""IMPRESSION: what matters most first, what the symptoms make of it, what was not assessed, and what to do."""

from collections.abc import Sequence

from lucidray.domain.prediction import NO_OUTPUT, NOT_FOR_UPSCALED, NOT_IN_CALIBRATION, UNCALIBRATED
from lucidray.domain.reading import OVERALL_ID, SYMPTOMS_ID, Finding, Overall, Sentence
from lucidray.domain.vocabulary import OPACITY, OVERLAPS, Label, Verdict
from lucidray.readers.case import Case, count_of, ids
from lucidray.readers.clinical import CONGESTION, HEART, URGENCY
from lucidray.readers.description import clusters
from lucidray.readers.heart import heart_size
from lucidray.readers.phrases import Slot
from lucidray.readers.places import words
from lucidray.readers.relation import red_flag_sentences, relation_sentences

_URGENT: Label = "Pneumothorax"


def write_impression(case: Case) -> list[Sentence]:
    """Write IMPRESSION."""
    items = [*_present(case), *_uncertain(case), *_heart(case)]
    # Sorted is stable: at one rank, what is present precedes what is uncertain.
    ranked = [sentence for _, sentence in sorted(items, key=lambda item: item[0])]
    relation = relation_sentences(case)
    overall = _overall(case)
    sentences = [*_mirrored(case), *ranked, *overall, *_nothing(case), *relation, *red_flag_sentences(case)]
    advised = ranked or overall or relation
    return [*sentences, *_not_assessed(case), *([] if advised else [_recommendation(case)])]


def _rank(findings: Sequence[Finding]) -> int:
    return min(URGENCY.index(finding.label) for finding in findings)


def _mirrored(case: Case) -> list[Sentence]:
    if not case.mirrored:
        return []
    text = case.phrases.sentence("mirrored_advice")
    return [Sentence(text=text, evidence=["warning-mirrored"], verdict="unverified")]


def _present(case: Case) -> list[tuple[int, Sentence]]:
    heart = heart_size(case)
    present = case.of(URGENCY, "present")
    congestion = case.of(CONGESTION, "present")
    items = []
    # A ratio within its limit speaks against the pattern; each finding then stands by itself.
    if len(congestion) == len(CONGESTION) and not heart.doubtful:
        present = [finding for finding in present if finding not in congestion]
        text = case.phrases.sentence(
            "impression.congestion",
            items=case.names(congestion, "and"),
            advice=case.phrases.advice["congestion"],
        )
        items.append((_rank(congestion), Sentence(text=text, evidence=ids(congestion), verdict="supported")))
    if heart.doubtful:
        present = [finding for finding in present if finding.label != HEART]
    return [*items, *((_rank(group), _present_sentence(case, group)) for group in clusters(present))]


def _present_sentence(case: Case, findings: list[Finding]) -> Sentence:
    advice, rests_on_symptoms = _advice(case, findings)
    slots: dict[str, Slot] = {"items": case.names(findings, "and"), "advice": case.phrases.advice[advice]}
    place = case.place(findings)
    if place:
        slots["place"] = words(place, case.phrases)
    text = case.phrases.sentence(
        "impression" if place else "impression_unplaced",
        subject=OPACITY if _are_opacities(findings) else case.subject(findings),
        count=count_of(findings),
        **slots,
    )
    evidence = [*ids(findings), *([SYMPTOMS_ID] if rests_on_symptoms else [])]
    return Sentence(text=text, evidence=evidence, verdict="supported")


def _advice(case: Case, findings: list[Finding]) -> tuple[str, bool]:
    """Return which advice fits, and whether it rests on the symptoms."""
    if not _are_opacities(findings):
        return case.subject(findings), False
    # A child that gets well needs no film to show it.
    suffix = "_child" if case.request.film.is_child else ""
    if not case.infection:
        return f"opacity{suffix}", False
    # Pneumonia is named only where it was scored here: it may be absent, or not assessed at all.
    cause = "pneumonia" if any(finding.label == "Pneumonia" for finding in findings) else "infection"
    return f"{cause}_in_setting{suffix}", True


def _are_opacities(findings: list[Finding]) -> bool:
    return all(finding.label in OVERLAPS[OPACITY] for finding in findings)


def _uncertain(case: Case) -> list[tuple[int, Sentence]]:
    uncertain = case.of(URGENCY, "uncertain")
    if heart_size(case).disagrees:
        uncertain = [finding for finding in uncertain if finding.label != HEART]
    urgent = [finding for finding in uncertain if finding.label == _URGENT]
    others = [finding for finding in uncertain if finding.label != _URGENT]
    # One sentence for all that is merely possible, after what is there; a possible pneumothorax waits for nobody.
    return [
        (rank, _uncertain_sentence(case, findings, advice))
        for rank, findings, advice in (
            (URGENCY.index(_URGENT), urgent, "uncertain_urgent"),
            (len(URGENCY), others, "uncertain"),
        )
        if findings
    ]


def _uncertain_sentence(case: Case, findings: list[Finding], advice: str) -> Sentence:
    text = case.phrases.sentence(
        "impression.uncertain", items=case.names(findings, "or"), advice=case.phrases.advice[advice]
    )
    return Sentence(text=text, evidence=ids(findings), verdict="unverified")


def _heart(case: Case) -> list[tuple[int, Sentence]]:
    heart = heart_size(case)
    verdict: Verdict
    if heart.disagrees:
        key, verdict = "impression.heart_disagrees", "contradicted"
    elif heart.finding.status == "unsupported" and heart.ratio_raised:
        key, verdict = "impression.ratio_raised", "supported"
    else:
        return []
    sentence = Sentence(text=case.phrases.sentence(key), evidence=heart.evidence, verdict=verdict)
    return [(URGENCY.index(HEART), sentence)]


def _overall(case: Case) -> list[Sentence]:
    """Say where the overall score and the findings do not go together.

    A raised score without a finding is no contradiction: it looks at more than the findings. A low one beside a
    finding is, also where its status has been raised for that.
    """
    overall, phrases = case.request.overall, case.phrases
    present = case.of(URGENCY, "present")
    evidence = [OVERALL_ID, *ids(case.assessed, regions=False)]
    if overall.status == "present" and not present:
        text = phrases.sentence("impression.overall_raised")
        return [Sentence(text=text, evidence=evidence, verdict="unverified")]
    if overall.status == "uncertain" and not present and overall.probability is not None:
        text = phrases.sentence(
            "impression.overall_uncertain", score=phrases.score(overall.probability, overall.threshold)
        )
        return [Sentence(text=text, evidence=evidence, verdict="unverified")]
    if _is_low(overall) and present:
        text = phrases.sentence("impression.overall_low", count=len(present), items=case.names(present, "and"))
        return [Sentence(text=text, evidence=[OVERALL_ID, *ids(present)], verdict="contradicted")]
    return []


def _is_low(overall: Overall) -> bool:
    if overall.status == "absent":
        return True
    if overall.status != "uncertain" or overall.probability is None or overall.threshold is None:
        return False
    # Uncertain by itself where the interval reaches the threshold; else it is a low score that a finding has raised.
    reach = overall.probability if overall.interval is None else overall.interval[1]
    return max(overall.probability, reach) < overall.threshold


def _nothing(case: Case) -> list[Sentence]:
    """Say that nothing was found, only where all assessed findings, the overall score and the heart's ratio agree."""
    absent = case.of(URGENCY, "absent")
    if not absent or len(absent) < len(case.assessed) or heart_size(case).ratio_raised:
        return []
    status = case.request.overall.status
    if status == "absent":
        text, evidence = case.phrases.sentence("impression.no_abnormality"), [OVERALL_ID]
    elif status == "unsupported":
        text, evidence = case.phrases.sentence("impression.no_evidence", items=case.names(absent, "nor")), []
    else:
        return []
    return [Sentence(text=text, evidence=[*evidence, *ids(absent, regions=False)], verdict="supported")]


def _not_assessed(case: Case) -> list[Sentence]:
    """Name what was not assessed, each finding once, with the reason."""
    by_reason: dict[str, list[Finding]] = {}
    for finding in case.not_assessed:
        by_reason.setdefault(_why_not(finding, is_child=case.request.film.is_child), []).append(finding)
    sentences = []
    for reason, missing in by_reason.items():
        text = case.phrases.sentence(reason, count=len(missing), items=case.names(missing, "and"))
        sentences.append(Sentence(text=text, evidence=ids(missing, regions=False), verdict="supported"))
    return sentences


def _why_not(finding: Finding, *, is_child: bool) -> str:
    """Return the name of the sentence that tells why a finding was not assessed."""
    if finding.basis.startswith(UNCALIBRATED) or NOT_IN_CALIBRATION in finding.basis:
        return "impression.not_assessed_uncalibrated"
    if finding.basis.startswith(NOT_FOR_UPSCALED):
        return "impression.not_assessed_upscaled"
    if NO_OUTPUT in finding.basis:
        return "impression.not_assessed_no_output"
    return "impression.not_assessed_child" if is_child else "impression.not_assessed"


def _recommendation(case: Case) -> Sentence:
    text = case.phrases.sentence("impression.recommendation")
    return Sentence(text=text, evidence=[OVERALL_ID, *ids(case.assessed, regions=False)], verdict="supported")
