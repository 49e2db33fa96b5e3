"""Whether the heart is enlarged: a score and a measurement, weighed against each other and never averaged.

A cardiothoracic ratio above 0.50 on an adult's PA film is the usual sign (Danzer 1919, Am J Med Sci 157:513); up to
0.55 it also occurs in healthy people. What the two sources disagree on stays uncertain, in words. A ratio that is not
reliable, as on AP films, can raise a doubt but never makes the finding present.
"""

from lucidray.domain.reading import CARDIOTHORACIC_RATIO_LIMIT, Measurement
from lucidray.domain.vocabulary import Status

ENLARGED_ABOVE = 0.55
# Magnification on AP films adds about a tenth: a ratio from here on is suspicious even there.
SUSPICIOUS_FROM = 0.60


def weigh(score_status: Status, ratio: Measurement | None, *, is_child: bool) -> tuple[Status, str]:
    """Decide on cardiomegaly from two sources.

    Parameters
    ----------
    score_status : Status
        What the calibrated score says on its own; `unsupported` where there is no score.
    ratio : Measurement or None
        The cardiothoracic ratio; None where nobody measured it.
    is_child : bool
        Children's hearts have other limits: nothing is said of them.

    Returns
    -------
    (status, basis)
        `basis` says in words what the ratio adds; the score's own words go before it.
    """
    if is_child:
        return "unsupported", "the limits of the cardiothoracic ratio hold for adults only"
    if ratio is None or ratio.value is None:
        return score_status, "the cardiothoracic ratio could not be measured"
    if ratio.reliable:
        return _with_reliable(score_status, ratio.value)
    words = f"cardiothoracic ratio {ratio.value:.2f}, not reliable ({ratio.note})"
    if score_status == "absent" and ratio.value >= SUSPICIOUS_FROM:
        return "uncertain", f"{words}, but {SUSPICIOUS_FROM:.2f} or more: the score and the ratio disagree"
    return score_status, f"{words}: it decides nothing"


def _with_reliable(score_status: Status, value: float) -> tuple[Status, str]:
    words = f"cardiothoracic ratio {value:.2f}"
    if value > ENLARGED_ABOVE:
        basis = f"{words}, above {ENLARGED_ABOVE:.2f}: enlarged"
        return "present", basis + (", though the score alone says absent" if score_status == "absent" else "")
    if value > CARDIOTHORACIC_RATIO_LIMIT:
        basis = f"{words}, borderline (above {CARDIOTHORACIC_RATIO_LIMIT:.2f}, up to {ENLARGED_ABOVE:.2f})"
        return ("present" if score_status == "present" else "uncertain"), basis
    basis = f"{words}, not above {CARDIOTHORACIC_RATIO_LIMIT:.2f}: not enlarged"
    if score_status in ("present", "uncertain"):
        return "uncertain", f"{basis}: the score and the ratio disagree"
    return "absent", basis
