"""FINDINGS and LOCATIONS: what is on the film, in anatomical order, and where."""

from collections.abc import Iterable, Sequence

from lucidray.domain.reading import Finding, Region, Sentence
from lucidray.domain.vocabulary import OPACITY, OVERLAPS, Label, Verdict
from lucidray.readers.case import Case, count_of, ids
from lucidray.readers.clinical import ANATOMICAL_ORDER, LUNGS, OTHER, PLEURA, overlap_of
from lucidray.readers.heart import heart_sentences
from lucidray.readers.phrases import Slot
from lucidray.readers.places import together, words


def write_findings(case: Case) -> list[Sentence]:
    """Write FINDINGS: lungs, pleura, heart, other; in each what is present, what is uncertain, what is absent."""
    return [
        *_about_the_film(case),
        *_about_organ(case, LUNGS),
        *_about_organ(case, PLEURA),
        *heart_sentences(case),
        *_about_organ(case, OTHER),
    ]


def write_locations(case: Case) -> list[Sentence]:
    """Write LOCATIONS: a sentence a region of what is present or uncertain."""
    return [
        _location(case, finding, region, number)
        for label in ANATOMICAL_ORDER
        for finding in [case.finding(label)]
        if finding.status in {"present", "uncertain"}
        for number, region in enumerate(finding.regions, start=1)
    ]


def clusters(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Put together the findings that name one shadow in one place; their order stays."""
    done: set[Label] = set()
    found: list[list[Finding]] = []
    for finding in findings:
        if finding.label in done:
            continue
        overlap = overlap_of(finding.label)
        members = [other for other in findings if overlap is not None and other.label in OVERLAPS[overlap]] or [finding]
        done |= {member.label for member in members}
        found += together(members)
    return found


def _about_the_film(case: Case) -> list[Sentence]:
    sentences = []
    if case.upscaled:
        text = case.phrases.sentence("upscaled")
        sentences.append(Sentence(text=text, evidence=["warning-upscaled"], verdict="unverified"))
    if case.mirrored:
        text = case.phrases.sentence("mirrored")
        sentences.append(Sentence(text=text, evidence=["warning-mirrored"], verdict="unverified"))
    if case.request.film.is_child and case.assessed and case.not_assessed:
        text = case.phrases.sentence("child", count=len(case.assessed), items=case.names(case.assessed, "and"))
        sentences.append(Sentence(text=text, evidence=ids(case.assessed, regions=False), verdict="supported"))
    return sentences


def _about_organ(case: Case, labels: Iterable[Label]) -> list[Sentence]:
    labels = tuple(labels)
    present, uncertain = case.of(labels, "present"), case.of(labels, "uncertain")
    return [
        *(_present(case, group) for group in clusters(present)),
        *(_uncertain(case, group) for group in clusters(uncertain)),
        *_absent(case, present, case.of(labels, "absent")),
    ]


def _present(case: Case, findings: list[Finding]) -> Sentence:
    return _placed(case, "present", findings, {"items": case.names(findings, "and")}, "supported")


def _uncertain(case: Case, findings: list[Finding]) -> Sentence:
    scores = [_score(case, finding) for finding in findings]
    if len(findings) == 1:
        key = "possible" if _is_over_threshold(findings[0]) else "not_excluded"
        return _placed(case, key, findings, {"score": scores[0]}, "unverified")
    items = [
        case.phrases.part("scored", name=case.phrases.subjects[finding.label], score=score)
        for finding, score in zip(findings, scores, strict=True)
    ]
    return _placed(case, "possible", findings, {"items": case.phrases.join(items, "and")}, "unverified")


def _placed(case: Case, key: str, findings: list[Finding], slots: dict[str, Slot], verdict: Verdict) -> Sentence:
    place = case.place(findings)
    if place:
        slots = {**slots, "place": words(place, case.phrases)}
    else:
        key = f"{key}_unplaced"
    text = case.phrases.sentence(key, subject=case.subject(findings), count=count_of(findings), **slots)
    return Sentence(text=text, evidence=ids(findings), verdict=verdict)


def _absent(case: Case, present: list[Finding], absent: list[Finding]) -> list[Sentence]:
    """Deny what is absent. Beside an opacity that is present, its other names are denied in a sentence of their own.

    "No pneumonia" next to "an opacity consistent with consolidation" would read as if somebody had told the two apart.
    """
    opacity = {finding.label for finding in present} & set(OVERLAPS[OPACITY])
    besides = [finding for finding in absent if opacity and finding.label in OVERLAPS[OPACITY]]
    plainly = [finding for finding in absent if finding not in besides]
    return [
        Sentence(
            text=case.phrases.sentence(key, items=case.names(findings, "nor")),
            evidence=ids(findings, regions=False),
            verdict="supported",
        )
        for key, findings in (("absent_besides", besides), ("absent", plainly))
        if findings
    ]


def _is_over_threshold(finding: Finding) -> bool:
    if finding.probability is None or finding.threshold is None:
        return False
    return finding.probability >= finding.threshold


def _score(case: Case, finding: Finding) -> str:
    if finding.probability is None:
        raise ValueError(f"{finding.label} is {finding.status} without a probability")
    return case.phrases.score(finding.probability, finding.threshold)


def _location(case: Case, finding: Finding, region: Region, number: int) -> Sentence:
    phrases = case.phrases
    possible = finding.status == "uncertain"
    title: Slot = phrases.subjects[finding.label]
    if len(finding.regions) > 1:
        total = len(finding.regions)
        title = phrases.part(
            "title_numbered", name=phrases.subjects[finding.label], number=str(number), total=str(total)
        )
    percent = phrases.number(100 * region.size_fraction_thorax, 0)
    if region.size_mm is None:
        size = phrases.part("size_fraction", percent=percent)
    else:
        width, height = (phrases.number(side, 0) for side in region.size_mm)
        size = phrases.part("size_mm", width=width, height=height, percent=percent)
    text = phrases.sentence(
        "location_possible" if possible else "location",
        title=title,
        zone=phrases.zones[f"{region.side} {region.zone}"],
        size=size,
    )
    return Sentence(text=text, evidence=[region.id, finding.id], verdict="unverified" if possible else "supported")
