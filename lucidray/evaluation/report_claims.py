"""How far what a report claims is right: F1 of findings, agreement of sides and zones, overlap of boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from lucidray.domain.box import Box
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.evaluation.draws import Draws, Figure, Measured, Sums, divided, ratio
from lucidray.evaluation.said import FIVE, Said, Uncertain, calls, denials, known

Counts = npt.NDArray[np.float64]
_HIT_IOU = 0.5


class FindingScore(BaseModel):
    """One finding over all films: `denied` counts the missed ones that the reader calls absent in words."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    f1: Figure | None
    precision: float | None
    recall: float | None
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    denied: int


@dataclass(frozen=True, eq=False)
class ClaimScores:
    """Figures by name, and the findings one by one."""

    figures: dict[str, Measured | None]
    findings: dict[Label, FindingScore]


def score_claims(said: Sequence[Said], references: Sequence[Said], draws: Draws, uncertain: Uncertain) -> ClaimScores:
    """Hold what is said of films against the references.

    A finding counts as present where it is said to be; silence is absence. Macro F1 is the mean over findings with at
    least one positive reference; micro F1 counts the false alarms of all findings.

    Parameters
    ----------
    said, references : sequence of Said
        One a film, in the same order.
    draws : Draws
        Over the same films.
    uncertain : {"absent", "present", "ignore"}
        What an uncertain statement counts as, on both sides.
    """
    counts = confusion(said, references, uncertain)
    counted = known(references, uncertain)
    denied = (denials(said) & calls(references, uncertain) & counted).sum(axis=0)
    totals = counts.sum(axis=0)
    figures: dict[str, Measured | None] = {}
    for name, labels in (("14", LABELS), ("5", FIVE)):
        columns = [LABELS.index(label) for label in labels]
        some = counts[:, columns]
        cells = int(counted[:, columns].sum())
        # Where no reference is positive there is nothing to find: F1 would be 0 whatever is said.
        positive = totals[columns][:, 0] + totals[columns][:, 2] > 0
        has_any = bool(positive.any())
        figures[f"f1_micro_{name}"] = draws.measure(some, _micro, cells) if has_any else None
        figures[f"f1_macro_{name}"] = draws.measure(some[:, positive], _macro, cells) if has_any else None
    findings = {label: _finding(counts[:, column], int(denied[column]), draws) for column, label in enumerate(LABELS)}
    figures |= _places(said, references, draws)
    figures |= _boxes(said, references, draws)
    return ClaimScores(figures, findings)


def confusion(said: Sequence[Said], references: Sequence[Said], uncertain: Uncertain) -> Counts:
    """Return (N, 14, 4): true and false positives, false and true negatives of each film and finding."""
    called, truth, counted = calls(said, uncertain), calls(references, uncertain), known(references, uncertain)
    cells = (called & truth, called & ~truth, ~called & truth, ~called & ~truth)
    return np.stack([(cell & counted) for cell in cells], axis=-1).astype(np.float64)


def _f1(sums: Sums) -> Sums:
    return divided(2 * sums[..., 0], 2 * sums[..., 0] + sums[..., 1] + sums[..., 2])


def _micro(sums: Sums) -> Sums:
    return _f1(sums.sum(axis=-2))


def _macro(sums: Sums) -> Sums:
    per_finding = _f1(sums)
    seen = ~np.isnan(per_finding)
    return divided(np.where(seen, per_finding, 0).sum(axis=-1), seen.sum(axis=-1))


def _finding(counts: Counts, denied: int, draws: Draws) -> FindingScore:
    tp, fp, fn, tn = (int(count) for count in counts.sum(axis=0))
    measured = draws.measure(counts, _f1, tp + fp + fn + tn) if tp + fn else None
    return FindingScore(
        f1=None if measured is None else measured.figure,
        precision=tp / (tp + fp) if tp + fp else None,
        recall=tp / (tp + fn) if tp + fn else None,
        true_positive=tp,
        false_positive=fp,
        false_negative=fn,
        true_negative=tn,
        denied=denied,
    )


def _places(said: Sequence[Said], references: Sequence[Said], draws: Draws) -> dict[str, Measured | None]:
    """Agreement of sides and zones over findings that both call present and place; `side_swapped` is left for right."""
    sides = np.zeros((len(said), 2))
    swapped = np.zeros((len(said), 2))
    zones = np.zeros((len(said), 2))
    for row, (one, reference) in enumerate(zip(said, references, strict=True)):
        for label, side in one.sides.items():
            truth = reference.sides.get(label)
            if truth is not None:
                sides[row] += (side == truth, 1)
                swapped[row] += ({*side, *truth} == {"left", "right"} and not side & truth, 1)
        for label, zone in one.zones.items():
            if label in reference.zones:
                zones[row] += (zone == reference.zones[label], 1)
    return {
        name: draws.measure(values, ratio, int(values[:, 1].sum()))
        for name, values in (("side_agreement", sides), ("side_swapped", swapped), ("zone_agreement", zones))
    }


def _boxes(said: Sequence[Said], references: Sequence[Said], draws: Draws) -> dict[str, Measured | None]:
    overlap, hits = np.zeros((len(said), 2)), np.zeros((len(said), 2))
    for row, (one, reference) in enumerate(zip(said, references, strict=True)):
        for label in one.boxes.keys() & reference.boxes.keys():
            pairs = matched_iou(one.boxes[label], reference.boxes[label])
            of = max(len(one.boxes[label]), len(reference.boxes[label]))
            overlap[row] += (sum(pairs), of)
            hits[row] += (sum(pair >= _HIT_IOU for pair in pairs), of)
    n = int(overlap[:, 1].sum())
    return {"box_iou": draws.measure(overlap, ratio, n), "box_hits_iou_50": draws.measure(hits, ratio, n)}


def matched_iou(boxes: Sequence[Box], truth: Sequence[Box]) -> list[float]:
    """Pair boxes one to one, the best overlap first, and return the overlaps; a box without a partner adds nothing."""
    overlaps = sorted(
        ((box.iou(other), i, j) for i, box in enumerate(boxes) for j, other in enumerate(truth)), reverse=True
    )
    pairs: list[float] = []
    left, right = set(range(len(boxes))), set(range(len(truth)))
    for overlap, i, j in overlaps:
        if i in left and j in right and overlap > 0:
            pairs.append(overlap)
            left.remove(i)
            right.remove(j)
    return pairs
