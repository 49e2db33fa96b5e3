"""How the symptoms and the findings go together: chooses words, never a score.

All of it is `unverified`: what somebody typed cannot be checked on a film.
"""

from collections.abc import Collection, Sequence

from lucidray.domain.reading import OVERALL_ID, SYMPTOMS_ID, Finding, Sentence
from lucidray.domain.vocabulary import Status
from lucidray.readers.case import Case, ids
from lucidray.readers.clinical import COMPATIBLE, HEART, HISTORY, RED_FLAGS, URGENCY
from lucidray.readers.heart import heart_size
from lucidray.readers.phrases import Listing, Slot


def relation_sentences(case: Case) -> list[Sentence]:
    """Relate the symptoms to the findings in one sentence; none where no symptoms were given."""
    if case.symptoms is None:
        return []
    present = _trusted(case, "present")
    complaints = [concept for concept in case.given if concept not in HISTORY]
    if not case.given:
        key = "symptoms.denied" if case.denied else "symptoms.unrecognized"
        return [_sentence(case, key, case.denied, [])]
    fitting = _fitting(present, case.given)
    if fitting:
        return [_compatible(case, fitting, complaints)]
    if not complaints:
        return [_sentence(case, "symptoms.history", case.given, [])]
    possible = _fitting(_trusted(case, "uncertain"), complaints)
    if possible:
        explained = _explained(possible, complaints)
        return [_sentence(case, "symptoms.would_fit", explained, possible)]
    if case.of(URGENCY, "present"):
        return [_sentence(case, "symptoms.unexplained", complaints, case.of(URGENCY, "present"))]
    return [_sentence(case, "symptoms.unexplained_none", complaints, case.assessed)]


def red_flag_sentences(case: Case) -> list[Sentence]:
    """Name what a radiograph does not exclude, for symptoms that no present finding accounts for."""
    explained = set(_explained(_trusted(case, "present"), case.given))
    sentences = []
    for flag in RED_FLAGS:
        if not set(flag.concepts) <= set(case.given) or set(flag.concepts) <= explained:
            continue
        text = case.phrases.sentence(
            "red_flag",
            causes=case.phrases.causes["child" if case.request.film.is_child else flag.cause],
            items=_written(case, flag.concepts),
        )
        sentences.append(Sentence(text=text, evidence=[SYMPTOMS_ID, OVERALL_ID], verdict="unverified"))
    return sentences


def _trusted(case: Case, status: Status) -> list[Finding]:
    """Return findings of a status, without a cardiomegaly that the ratio speaks against."""
    against = heart_size(case).doubtful
    return [finding for finding in case.of(URGENCY, status) if not (against and finding.label == HEART)]


def _fitting(findings: Sequence[Finding], concepts: Collection[str]) -> list[Finding]:
    return [finding for finding in findings if not COMPATIBLE[finding.label].isdisjoint(concepts)]


def _explained(findings: Sequence[Finding], concepts: Collection[str]) -> list[str]:
    return [concept for concept in concepts if any(concept in COMPATIBLE[finding.label] for finding in findings)]


def _compatible(case: Case, fitting: list[Finding], complaints: list[str]) -> Sentence:
    explained = _explained(fitting, case.given)
    others = [concept for concept in complaints if concept not in explained]
    key = "symptoms.partly" if others else "symptoms.compatible"
    return _sentence(case, key, explained, fitting, others=others)


def _sentence(
    case: Case, key: str, concepts: Sequence[str], findings: Sequence[Finding], others: Sequence[str] = ()
) -> Sentence:
    phrases = case.phrases
    slots: dict[str, Slot] = {}
    if concepts:
        slots["items"] = _written(case, concepts)
    if findings:
        slots["findings"] = case.names(findings, "or" if findings[0].status == "uncertain" else "and")
    if others:
        slots["others"] = _written(case, others)
    text = phrases.sentence(key, subject=None, count=len(concepts), **slots)
    return Sentence(text=text, evidence=[SYMPTOMS_ID, *ids(findings, regions=False)], verdict="unverified")


def _written(case: Case, concepts: Sequence[str]) -> Listing:
    return case.phrases.symptoms(concepts, "and")
