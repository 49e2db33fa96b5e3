"""From scores to findings: present, absent, uncertain or unsupported, and in words what that rests on.

Disagreement raises attention and never lowers it: a film whose overall score calls it normal while a finding is present
is uncertain, not normal.
"""

from collections.abc import Sequence

from lucidray.domain.prediction import Prediction, Score
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Finding, Measurement, Overall
from lucidray.domain.vocabulary import LABELS, Label, Status, finding_id
from lucidray.reasoning.cardiomegaly import weigh


def decide(
    prediction: Prediction,
    film: Radiograph,
    measurements: Sequence[Measurement],
) -> tuple[list[Finding], Overall]:
    """Decide on all 14 findings and on the film as a whole.

    Parameters
    ----------
    prediction : Prediction
        Scores of all labels, calibrated; a label without one says why.
    film : Radiograph
        Its age decides which limits hold.
    measurements : sequence of Measurement
        The cardiothoracic ratio has a say in cardiomegaly.

    Returns
    -------
    findings : list of Finding
        In the order of `LABELS`; their regions are still to be located.
    overall : Overall
        By its own score; raised from `absent` to `uncertain` where a finding is present.
    """
    ratio = next((each for each in measurements if each.id == CARDIOTHORACIC_RATIO_ID), None)
    findings = []
    for label in LABELS:
        score = prediction.scores[label]
        status, basis = judge_score(score)
        if label == "Cardiomegaly":
            status, added = weigh(status, ratio, is_child=film.is_child)
            basis = f"{basis}; {added}"
        findings.append(_finding(label, score, status, basis))
    return findings, _overall(prediction.overall, findings)


def judge_score(score: Score) -> tuple[Status, str]:
    """Return the status that a score has on its own, and the reason in words.

    A score whose 95 % interval reaches over the threshold is `uncertain`: calibration cannot tell the two sides apart.
    So is one below the threshold that still makes the finding likelier than it was before the film was seen: "absent"
    is said only where the film speaks against the finding.
    """
    if score.probability is None:
        return "unsupported", score.unsupported_reason or "no score"
    if score.threshold is None:
        return "uncertain", f"{_told(score.probability, score.prevalence)}, without a threshold"
    words = f"{_told(score.probability, score.prevalence)}, threshold {_share(score.threshold)}"
    if score.interval is not None:
        low, high = score.interval
        words += f", 95 % interval {_share(low)} to {_share(high)}"
        if low <= score.threshold <= high:
            return "uncertain", f"{words}: the threshold lies within the interval"
    if score.probability >= score.threshold:
        return "present", words
    if score.prevalence is not None and score.probability >= score.prevalence:
        return "uncertain", f"{words}: below the threshold, but not below the prevalence of {_share(score.prevalence)}"
    return "absent", words


def _finding(label: Label, score: Score, status: Status, basis: str) -> Finding:
    told = status != "unsupported"
    return Finding(
        id=finding_id(label),
        label=label,
        probability=score.probability if told else None,
        interval=score.interval if told else None,
        threshold=score.threshold if told else None,
        status=status,
        n_positive=score.n_positive,
        prevalence=score.prevalence if told else None,
        sensitivity=score.sensitivity if told else None,
        specificity=score.specificity if told else None,
        basis=basis,
    )


def _overall(score: Score, findings: list[Finding]) -> Overall:
    status, _ = judge_score(score)
    if status == "absent" and any(finding.status == "present" for finding in findings):
        status = "uncertain"
    return Overall(
        probability=score.probability,
        interval=score.interval,
        threshold=score.threshold,
        status=status,
        n_positive=score.n_positive,
        prevalence=score.prevalence,
        sensitivity=score.sensitivity,
        specificity=score.specificity,
    )


def _told(probability: float, prevalence: float | None) -> str:
    """Say a score; that it is calibrated is never said without the prevalence at which that holds."""
    if prevalence is None:
        return f"score {_share(probability)}"
    return f"score {_share(probability)}, calibrated at a prevalence of {_share(prevalence)}"


def _share(value: float) -> str:
    """Write a probability with two digits that count: 0.62, 0.031."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"
