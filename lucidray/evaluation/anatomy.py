"""`evaluate anatomy`: how well organs are outlined, and how far off the cardiothoracic ratio is, against drawn masks.

Both are compared on the grid of the network's masks. The largest piece of each organ counts, as in readings.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lucidray.domain.anatomy import ORGANS, Anatomy
from lucidray.domain.errors import InputError
from lucidray.domain.protocols import Segmenter
from lucidray.evaluation.masks import LUNGS, Mask, MaskedFilm, read_mask
from lucidray.evaluation.segmentation import bootstrap, cardiothoracic_ratio, dice
from lucidray.imaging import gate
from lucidray.imaging.film import read_film

CLAVICLES = "clavicles"
_WORST = 10


@dataclass(frozen=True, eq=False)
class Compared:
    """A film's organs, found and drawn.

    Attributes
    ----------
    key, source : str
    accepted : bool
        Whether the gate would let the film through; it is measured either way.
    dice, iou : dict
        By organ, of those that are drawn.
    ratio, true_ratio : float or None
        Cardiothoracic ratio from the masks found, and from those drawn.
    found, drawn : dict
        The masks themselves.
    """

    key: str
    source: str
    accepted: bool
    dice: dict[str, float]
    iou: dict[str, float]
    ratio: float | None
    true_ratio: float | None
    found: dict[str, Mask] = field(repr=False)
    drawn: dict[str, Mask] = field(repr=False)


def compare(film: MaskedFilm, segmenter: Segmenter) -> Compared:
    """Segment a film and compare it with its masks.

    Raises
    ------
    InputError
        The film or a mask cannot be read.
    """
    radiograph = read_film(film.path)
    anatomy, appearance = segmenter.segment(radiograph.pixels)
    refused = gate.judge_pixels(radiograph) or gate.judge(radiograph, appearance, anatomy, segmenter.thresholds).refusal
    height, width = anatomy.masks.shape[1:]
    drawn = {organ: read_mask(path, height, width) for organ, path in film.masks.items()}
    if not any(mask.any() for mask in drawn.values()):
        raise InputError(f"{film.key}: all of its masks are empty")
    _unite(drawn)
    found = _found(anatomy)
    organs = [organ for organ in drawn if organ in found]
    ratios: list[float | None] = [None, None]
    if "heart" in drawn and LUNGS in drawn:
        ratios = [cardiothoracic_ratio(masks["heart"], masks[LUNGS]) for masks in (found, drawn)]
    return Compared(
        key=film.key,
        source=film.source,
        accepted=not refused,
        dice={organ: dice(found[organ], drawn[organ]) for organ in organs},
        iou={organ: iou(found[organ], drawn[organ]) for organ in organs},
        ratio=ratios[0],
        true_ratio=ratios[1],
        found={organ: found[organ] for organ in organs},
        drawn=drawn,
    )


def iou(mask: Mask, truth: Mask) -> float:
    """Intersection over union of two masks, in [0, 1]; 1 where both are empty (Jaccard 1901)."""
    union = int((mask | truth).sum())
    return 1.0 if union == 0 else int((mask & truth).sum()) / union


def _found(anatomy: Anatomy) -> dict[str, Mask]:
    found: dict[str, Mask] = {organ: anatomy.piece(organ) for organ in ORGANS}
    _unite(found)
    return found


def _unite(masks: dict[str, Mask]) -> None:
    """Add both lungs and both clavicles as one mask each, where both are there."""
    for both, (right, left) in {
        LUNGS: ("right_lung", "left_lung"),
        CLAVICLES: ("right_clavicle", "left_clavicle"),
    }.items():
        if right in masks and left in masks:
            masks[both] = masks[right] | masks[left]


def evaluate(films: Sequence[Compared]) -> dict[str, Any]:
    """Figures for each source and each organ.

    Returns
    -------
    dict
        `sources`: by source, `n`, `accepted` films, `organs` (mean Dice and IoU with intervals) and, where hearts are
        drawn, `cardiothoracic_ratio`; `worst`: the films whose lungs or heart fit least.
    """
    sources = {}
    for source in sorted({film.source for film in films}):
        inside = [film for film in films if film.source == source]
        organs = sorted({organ for film in inside for organ in film.dice})
        sources[source] = {
            "n": len(inside),
            "accepted": sum(film.accepted for film in inside),
            "organs": {
                organ: {
                    "dice": _mean([film.dice[organ] for film in inside if organ in film.dice]),
                    "iou": _mean([film.iou[organ] for film in inside if organ in film.iou]),
                }
                for organ in organs
            },
            "cardiothoracic_ratio": _ratio_error(inside),
        }
    ranked = sorted(films, key=lambda film: min(film.dice.values()))
    worst = [
        {
            "film": film.key,
            "organ": min(film.dice, key=lambda organ: film.dice[organ]),
            "dice": round(min(film.dice.values()), 3),
        }
        for film in ranked[:_WORST]
    ]
    return {"sources": sources, "worst": worst}


def _mean(values: list[float]) -> dict[str, Any]:
    return _rounded(asdict(bootstrap(values)))


def _ratio_error(films: Sequence[Compared]) -> dict[str, Any] | None:
    """Differences of the ratio, found minus drawn: median and 95th percentile of their size, bias, limits of agreement.

    References
    ----------
    Bland and Altman, Lancet 327 (1986) 307
    """
    pairs = [film for film in films if film.ratio is not None and film.true_ratio is not None]
    drawn = sum(film.true_ratio is not None for film in films)
    if len(pairs) < 2:
        return None
    difference = np.array([(film.ratio or 0.0) - (film.true_ratio or 0.0) for film in pairs])
    bias, spread = float(difference.mean()), float(difference.std(ddof=1))
    size = np.abs(difference)
    return {
        "median_error": _rounded(asdict(bootstrap(size.tolist(), np.median))),
        "p95_error": round(float(np.percentile(size, 95)), 4),
        "bias": _rounded(asdict(bootstrap(difference.tolist()))),
        "limits_of_agreement": [round(bias - 1.96 * spread, 4), round(bias + 1.96 * spread, 4)],
        "n": len(pairs),
        "not_found": drawn - len(pairs),
    }


def _rounded(estimate: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in estimate.items()}
