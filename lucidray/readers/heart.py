"""The size of the heart: the one place where a score and a measurement speak about the same thing."""

from dataclasses import dataclass

from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, CARDIOTHORACIC_RATIO_LIMIT, Finding, Measurement, Sentence
from lucidray.domain.vocabulary import Verdict
from lucidray.readers.case import Case, ids
from lucidray.readers.clinical import HEART
from lucidray.readers.phrases import Slot
from lucidray.readers.plain_text import one_line
from lucidray.wording.messages import SOURCE, say


@dataclass(frozen=True)
class HeartSize:
    """Score and ratio of one film. The finding's status has weighed both; here they are looked at one by one.

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
        return self.ratio.value > CARDIOTHORACIC_RATIO_LIMIT

    @property
    def score_raised(self) -> bool | None:
        """Whether the score is over its threshold; None where there is no score."""
        finding = self.finding
        if finding.probability is None or finding.threshold is None:
            return None
        return finding.probability >= finding.threshold

    @property
    def disagrees(self) -> bool:
        """Whether score and ratio lie on different sides of their limits."""
        return None not in {self.ratio_raised, self.score_raised} and self.ratio_raised != self.score_raised

    @property
    def doubtful(self) -> bool:
        """Whether a reliable ratio speaks against a raised score."""
        return self.disagrees and not self.ratio_raised

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

    A sentence over a score and a ratio that lie on different sides of their limits is `contradicted`, whichever of them
    the status follows. A ratio that is not reliable is told in a sentence of its own, and stands for nothing.
    """
    heart = heart_size(case)
    status = heart.finding.status
    if status == "unsupported":
        return _ratio_alone(case, heart)
    verdict: Verdict = "unverified" if status == "uncertain" else "supported"
    stem: str = status
    if status == "uncertain" and heart.finding.probability is not None:
        stem = "possible" if heart.score_raised else "not_excluded"
    if heart.ratio_raised is None:
        return [_sentence(case, f"heart.{stem}", ids([heart.finding]), verdict), *_ratio_alone(case, heart)]
    if heart.disagrees:
        key = f"heart.{status}_{'ratio' if heart.ratio_raised else 'score'}_raised"
        return [_sentence(case, key, heart.evidence, "contradicted")]
    return [_sentence(case, f"heart.{stem}_ratio", heart.evidence, verdict)]


def _ratio_alone(case: Case, heart: HeartSize) -> list[Sentence]:
    """Tell the ratio without a word about the finding."""
    if heart.ratio is None:
        return []
    if heart.ratio.value is None or not heart.ratio.reliable:
        key = "heart.ratio_missing" if heart.ratio.value is None else "heart.ratio_unreliable"
        key = key if _reason(heart.ratio) else f"{key}_bare"
    else:
        key = "heart.ratio_child" if heart.is_child else "heart.ratio"
    return [_sentence(case, key, [heart.ratio.id], "supported")]


def _reason(ratio: Measurement, language: str = SOURCE) -> str:
    return say(one_line(ratio.note).rstrip(" ."), language)


def _sentence(case: Case, key: str, evidence: list[str], verdict: Verdict) -> Sentence:
    heart, phrases = heart_size(case), case.phrases
    finding, ratio = heart.finding, heart.ratio
    slots: dict[str, Slot] = {"limit": phrases.number(CARDIOTHORACIC_RATIO_LIMIT, 2)}
    if finding.probability is not None:
        slots["score"] = phrases.score(finding.probability, finding.threshold)
    if ratio is not None:
        slots["note"] = _reason(ratio, case.request.language)
        if ratio.value is not None:
            # 0.504 over a limit of 0.50 must not be shown as 0.50.
            near = round(ratio.value, 2) == CARDIOTHORACIC_RATIO_LIMIT != ratio.value
            slots["ratio"] = phrases.number(ratio.value, 4 if near else 2)
    return Sentence(text=phrases.sentence(key, subject=None, count=1, **slots), evidence=evidence, verdict=verdict)
