"""From scores to findings: present, absent, uncertain or unsupported, and in words what that rests on.

Disagreement raises attention and never lowers it: a film whose overall score calls it normal while a finding is present
is uncertain, not normal.
"""

from collections.abc import Mapping, Sequence

from lucidray.domain.prediction import Prediction, Score
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Finding, Measurement, Overall, Region
from lucidray.domain.vocabulary import LABELS, Label, Status, finding_id
from lucidray.reasoning.cardiomegaly import weigh


def decide(
    prediction: Prediction,
    film: Radiograph,
    measurements: Sequence[Measurement],
    regions_by_label: Mapping[Label, list[Region]],
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
    regions_by_label : mapping
        Where each finding would be; kept for findings that are present or uncertain.

    Returns
    -------
    findings : list of Finding
        In the order of `LABELS`.
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
        findings.append(_finding(label, score, status, basis, regions_by_label.get(label, [])))
    return findings, _overall(prediction.overall, findings)


def judge_score(score: Score) -> tuple[Status, str]:
    """Return the status that a score has on its own, and the reason in words.

    A score whose 95 % interval reaches over the threshold is `uncertain`: calibration cannot tell the two sides apart.
    """
    if score.probability is None:
        return "unsupported", score.unsupported_reason or "no score"
    if score.threshold is None:
        return "uncertain", f"calibrated score {_share(score.probability)}, without a threshold"
    words = f"calibrated score {_share(score.probability)}, threshold {_share(score.threshold)}"
    if score.interval is not None:
        low, high = score.interval
        words += f", 95 % interval {_share(low)} to {_share(high)}"
        if low <= score.threshold <= high:
            return "uncertain", f"{words}: the threshold lies within the interval"
    return ("present" if score.probability >= score.threshold else "absent"), words


def _finding(label: Label, score: Score, status: Status, basis: str, regions: list[Region]) -> Finding:
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
        basis=basis,
        regions=regions if status in ("present", "uncertain") else [],
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
    )


def _share(value: float) -> str:
    """Write a probability with two digits that count: 0.62, 0.031."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"
