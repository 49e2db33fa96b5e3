"""What a reader in training writes of held-out films: claims against claims, boxes against boxes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from lucidray.datasets.manifest import PlacedBox
from lucidray.domain.answer import NamedBox
from lucidray.domain.box import Box
from lucidray.domain.vocabulary import LABELS, OPACITY, OVERLAPS
from lucidray.evaluation.report_claims import confusion
from lucidray.evaluation.said import Said, from_claims, from_labels
from lucidray.judging import claims_in
from lucidray.readers.grounding import ground
from lucidray.readers.wording import loops
from lucidray.training.reader_answers import LANGUAGE
from lucidray.training.reader_model import Loaded
from lucidray.training.reader_samples import LOCATED, Sample

HIT_IOU = 0.5
_OPAQUE = frozenset(OVERLAPS[OPACITY])


@dataclass(frozen=True)
class Written:
    """What was written of one film.

    Attributes
    ----------
    text : str
        Without tokens of places.
    boxes : tuple of NamedBox
        In pixels of the film.
    dropped : int
        Boxes that could not be read.
    ended : bool
        Whether the model came to an end by itself.
    """

    text: str
    boxes: tuple[NamedBox, ...]
    dropped: int
    ended: bool

    @property
    def parses(self) -> bool:
        """Whether it is a report: headings of FINDINGS or IMPRESSION, at least one claim, an end, no circles."""
        headed = "FINDINGS" in self.text or "IMPRESSION" in self.text
        return self.ended and headed and not loops(self.text) and bool(claims_in(self.text, LANGUAGE))


@dataclass
class BoxScore:
    """Boxes of radiologists and how they were met; `iou` has one entry a box, 0 where nothing met it."""

    iou: list[float] = field(default_factory=list)
    films: list[int] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)  # as the manifest calls them

    def figures(self, name: str) -> dict[str, float]:
        """Return the mean overlap, and the share that was hit."""
        if not self.iou:
            return {}
        met = np.array(self.iou)
        return {f"{name}_iou": float(met.mean()), f"{name}_match": float((met >= HIT_IOU).mean())}


def write_reports(
    model: Any, loaded: Loaded, samples: Sequence[Sample], *, max_tokens: int, batch: int
) -> list[Written]:
    """Let the model write of films, the likeliest token each time."""
    from lucidray.imaging.film import read_film

    tokenizer, found = loaded.inputs.tokenizer, []
    device = next(model.parameters()).device
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends]) | {tokenizer.eos_token_id}
    was_training = model.training
    model.eval()  # nothing is recomputed then, and nothing dropped
    for start in range(0, len(samples), batch):
        some = samples[start : start + batch]
        asked = {name: value.to(device) for name, value in loaded.inputs.questions(some).items()}
        with torch.inference_mode():
            ids = model.generate(
                **asked,
                max_new_tokens=max_tokens,
                do_sample=False,
                num_beams=1,
                use_cache=True,
                pad_token_id=_pad(tokenizer),
            )
        before = 1 if loaded.is_decoder else asked["input_ids"].shape[1]
        for sample, row in zip(some, ids[:, before:], strict=True):
            film = read_film(sample.path)
            raw = tokenizer.decode(row, skip_special_tokens=True)
            grounded = ground(raw, loaded.inputs.lay(film.width_px, film.height_px))
            ended = bool(ends & set(row.tolist()))
            found.append(Written(grounded.text, grounded.boxes, grounded.dropped, ended))
    model.train(was_training)
    return found


def measure(written: Sequence[Written], samples: Sequence[Sample], held_out: Sequence[str] = ()) -> dict[str, float]:
    """Return the figures that are told during training.

    `claims_f1` is micro F1 over findings, labels or reports as truth; `box_iou` the mean overlap over boxes of the
    truth; `box_match` the share of them met with an overlap of at least 0.5; `unseen_…` the same over findings whose
    boxes were never trained on.
    """
    figures = {"parseable": float(np.mean([one.parses for one in written])), "claims_f1": claims_f1(written, samples)}
    # Whoever was not asked for places is not measured on them.
    asked = [row for row, sample in enumerate(samples) if sample.strategy == LOCATED]
    score = score_boxes([written[row] for row in asked], [samples[row] for row in asked])
    seen = [row for row, name in enumerate(score.findings) if name not in held_out]
    unseen = [row for row, name in enumerate(score.findings) if name in held_out]
    for name, rows in (("box", seen), ("unseen_box", unseen)):
        figures |= BoxScore([score.iou[row] for row in rows]).figures(name)
    return figures


def claims_f1(written: Sequence[Written], samples: Sequence[Sample]) -> float:
    """Return micro F1 of the findings that are said to be present; 0 where nothing is."""
    said = [from_claims(claims_in(one.text, LANGUAGE), one.text) for one in written]
    counts = confusion(said, [truth_of(sample) for sample in samples], "absent").sum(axis=(0, 1))
    true_positive, false_positive, false_negative = counts[:3]
    whole = 2 * true_positive + false_positive + false_negative
    return float(2 * true_positive / whole) if whole else 0.0


def truth_of(sample: Sample) -> Said:
    """Return what is known of a film: its labels, else what its report says."""
    polarity = {"positive": "present", "negative": "absent", "uncertain": "uncertain"}
    labels = {label: polarity[sample.film.truth[label]] for label in LABELS if label in sample.film.truth}
    if labels:
        return from_labels(labels)  # type: ignore[arg-type]
    return from_claims(claims_in(sample.film.report, LANGUAGE), sample.film.report)


def score_boxes(written: Sequence[Written], samples: Sequence[Sample]) -> BoxScore:
    """Hold the boxes that were written against those of the truth, finding by finding."""
    score = BoxScore()
    for row, (one, sample) in enumerate(zip(written, samples, strict=True)):
        _add(score, row, boxes_by_finding(one.boxes), sample)
    return score


def score_given(given: Callable[[Sample, str, int], Sequence[Box]], samples: Sequence[Sample]) -> BoxScore:
    """Hold boxes that know nothing of the film against the truth: `given` takes sample, finding and how many."""
    score = BoxScore()
    for row, sample in enumerate(samples):
        truth = truth_boxes(sample)
        _add(score, row, {name: list(given(sample, name, len(drawn))) for name, drawn in truth.items()}, sample)
    return score


def _add(score: BoxScore, row: int, boxes: Mapping[str, Sequence[Box]], sample: Sample) -> None:
    for group, drawn in truth_boxes(sample).items():
        pairs = matched(boxes.get(group, ()), [Box(*box.xyxy_px) for box in drawn])
        for number, box in enumerate(drawn):
            score.iou.append(pairs.get(number, 0.0))
            score.films.append(row)
            score.findings.append(box.finding)


def matched(boxes: Sequence[Box], truth: Sequence[Box]) -> dict[int, float]:
    """Pair boxes one to one, the best overlap first; returns the overlap of each box of the truth with a partner."""
    overlaps = sorted(
        ((box.iou(other), i, j) for i, box in enumerate(boxes) for j, other in enumerate(truth)), reverse=True
    )
    used: set[int] = set()
    pairs: dict[int, float] = {}
    for overlap, i, j in overlaps:
        if overlap > 0 and i not in used and j not in pairs:
            used.add(i)
            pairs[j] = overlap
    return pairs


def truth_boxes(sample: Sample) -> dict[str, list[PlacedBox]]:
    """Return the drawn boxes of a film, by finding; names of one shadow go together."""
    found: dict[str, list[PlacedBox]] = {}
    for box in sample.film.boxes:
        found.setdefault(_group(box.finding), []).append(box)
    return found


def boxes_by_finding(boxes: Sequence[NamedBox]) -> dict[str, list[Box]]:
    """Return written boxes by the finding that their names mean; those that mean none are in no list."""
    found: dict[str, list[Box]] = {}
    for named in boxes:
        labels = {claim.label for claim in claims_in(named.name, LANGUAGE)}
        if len(labels) == 1:
            found.setdefault(_group(labels.pop()), []).append(named.box)
    return found


def _group(finding: str) -> str:
    """Return a finding, or "opacity" for those that are names of one shadow."""
    return OPACITY if finding in _OPAQUE or "opacity" in finding.lower() else finding


def _pad(tokenizer: Any) -> int:
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)
