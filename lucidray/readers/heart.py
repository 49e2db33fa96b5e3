"""The size of the heart: the one place where a score and a measurement speak about the same thing."""

from dataclasses import dataclass

from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Finding, Measurement, Sentence
from lucidray.readers.case import Case, ids
from lucidray.readers.clinical import HEART
from lucidray.readers.plain_text import one_line

ADULT_RATIO_LIMIT = 0.5


@dataclass(frozen=True)
class HeartSize:
    """Score and ratio of one film.

    Attributes
    ----------
    finding : Finding
        Cardiomegaly.
    ratio : Measurement or None
        The cardiothoracic ratio.
    is_child : bool
        The limit is an adult's: a child's ratio is told, but not judged.
    """

    finding: Finding
    ratio: Measurement | None
    is_child: bool

    @property
    def ratio_raised(self) -> bool | None:
        """Whether the ratio is over its limit; None where there is no ratio that could say."""
        if self.ratio is None or self.ratio.value is None or not self.ratio.reliable or self.is_child:
            return None
        return self.ratio.value > ADULT_RATIO_LIMIT

    @property
    def score_raised(self) -> bool | None:
        """Whether the score is over its threshold; None where there is no score."""
        finding = self.finding
        if finding.status in {"present", "absent"}:
            return finding.status == "present"
        if finding.probability is None or finding.threshold is None:
            return None
        return finding.probability >= finding.threshold

    @property
    def disagrees(self) -> bool:
        """Whether score and ratio lie on different sides of their limits."""
        return None not in {self.ratio_raised, self.score_raised} and self.ratio_raised != self.score_raised

    @property
    def evidence(self) -> list[str]:
        """Ids of what is known: the finding, its regions, the measurement."""
        known = [] if self.finding.status == "unsupported" else ids([self.finding])
        return [*known, *([self.ratio.id] if self.ratio else [])]


def heart_size(case: Case) -> HeartSize:
    """Collect what is known about the size of the heart."""
    ratio = next((item for item in case.request.measurements if item.id == CARDIOTHORACIC_RATIO_ID), None)
    return HeartSize(case.finding(HEART), ratio, case.request.film.is_child)


def heart_sentences(case: Case) -> list[Sentence]:
    """Write about the heart, with the ratio wherever there is one.

    A sentence over a score and a ratio that lie on different sides of their limits is `contradicted`. A heart is called not
    enlarged only where the score says so, and the ratio is cited for it only where it is reliable.
    """
    heart, say = heart_size(case), case.phrases.sentence
    finding, slots = heart.finding, _slots(case, heart)
    if finding.status == "unsupported":
        return _ratio_alone(case, heart)
    stem: str = finding.status
    if stem == "uncertain":
        stem = "possible" if heart.score_raised else "not_excluded"
    if heart.ratio_raised is None:
        verdict = "unverified" if finding.status == "uncertain" else "supported"
        score = Sentence(text=say(f"heart.{stem}", **slots), evidence=ids([finding]), verdict=verdict)
        return [score, *_ratio_alone(case, heart)]
    if heart.disagrees:
        text = say(f"heart.{finding.status}_against", **slots)
        return [Sentence(text=text, evidence=heart.evidence, verdict="contradicted")]
    verdict = "unverified" if finding.status == "uncertain" else "supported"
    return [Sentence(text=say(f"heart.{stem}_ratio", **slots), evidence=heart.evidence, verdict=verdict)]


def _ratio_alone(case: Case, heart: HeartSize) -> list[Sentence]:
    """Tell the ratio without a word about the finding."""
    if heart.ratio is None:
        return []
    slots = _slots(case, heart)
    if heart.ratio.value is None or not heart.ratio.reliable:
        key = "heart.ratio_missing" if heart.ratio.value is None else "heart.ratio_unreliable"
        key = key if slots["note"] else f"{key}_bare"
    else:
        key = "heart.ratio_child" if heart.is_child else "heart.ratio"
    return [Sentence(text=case.phrases.sentence(key, **slots), evidence=[heart.ratio.id], verdict="supported")]


def _slots(case: Case, heart: HeartSize) -> dict[str, str]:
    phrases, finding, ratio = case.phrases, heart.finding, heart.ratio
    slots = {"limit": phrases.number(ADULT_RATIO_LIMIT, 2)}
    if finding.probability is not None:
        slots["score"] = phrases.score(finding.probability, finding.threshold)
    if ratio is not None:
        slots["note"] = one_line(ratio.note).rstrip(" .")
        if ratio.value is not None:
            # 0.504 over a limit of 0.50 must not be shown as 0.50.
            near = round(ratio.value, 2) == ADULT_RATIO_LIMIT != ratio.value
            slots["ratio"] = phrases.number(ratio.value, 4 if near else 2)
    return slots
