"""Everything that decides a run of `train findings --backbone`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

from lucidray.domain.errors import UsageError
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY, canonical

Uncertain = Literal["leave-out", "positive", "negative"]
Weighting = Literal["none", "sqrt", "balanced"]
Precision = Literal["no", "fp16", "bf16"]
Threshold = Literal["f1", "youden", "count"]
MapKind = Literal["grad-cam", "occlusion"]
_CHOICES = {
    "uncertain": get_args(Uncertain),
    "class_weights": get_args(Weighting),
    "precision": get_args(Precision),
    "threshold": get_args(Threshold),
    "maps": get_args(MapKind),
}
EARLY_CANCER: tuple[Label, ...] = ("Nodule", "Mass")


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; written to `config.json`.

    Attributes
    ----------
    backbone : str
        Name of a network of timm.
    weights : str
        `imagenet`, `none` (random), or a file of one's own.
    task : str
        `multi-label`, `normal`, or `disease:NAME[,NAME]`.
    size : int or None
        Side of the films that the network sees; None takes the one that it was made for.
    batch, accumulate : int
        Films a step and process, and steps that are added up before the weights move.
    learning_rate, head_learning_rate, weight_decay : float
        Of AdamW; the head is new and learns faster.
    warmup : float in [0, 1)
        Share of the run in which the rate rises; then it falls as a cosine.
    class_weights : str
        Weight of positive films: `none`, `balanced` (negatives over positives) or its square root; at most
        `positive_weight_limit`.
    focal : float >= 0
        Exponent of the focal loss; 0 is cross-entropy.
    label_smoothing : float in [0, 0.5)
    uncertain : str
        What labels count as that somebody could not decide.
    precision : str
        Of the arithmetic: `no` is single precision.
    patience : int
        Epochs without a better validation AUROC after which the run stops; 0 never stops.
    threshold : str
        How cuts are chosen on validation films: the greatest F1, Youden's, or a known share of films.
    maps : str
        Of networks whose activation map is not exact.
    mirror_share : float
        How often a film is shown with left and right exchanged; no output names a side.
    min_positives : int
        Training films that a finding needs, or its output is left out.
    """

    backbone: str
    weights: str = "imagenet"
    task: str = "multi-label"
    epochs: int = 20
    size: int | None = None
    seed: int = 0
    limit: int | None = None
    batch: int = 16
    accumulate: int = 1
    learning_rate: float = 2e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    dropout: float = 0.0
    class_weights: Weighting = "sqrt"
    positive_weight_limit: float = 10.0
    focal: float = 0.0
    label_smoothing: float = 0.0
    uncertain: Uncertain = "leave-out"
    precision: Precision = "no"
    patience: int = 5
    threshold: Threshold = "f1"
    maps: MapKind = "grad-cam"
    mirror_share: float = 0.5
    min_positives: int = 5
    device: str | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}; it can be {', '.join(known)}")
        for name, low, high in (
            ("epochs", 1, 100_000),
            ("batch", 1, 100_000),
            ("accumulate", 1, 10_000),
            ("focal", 0, 10),
            ("label_smoothing", 0, 0.49),
            ("warmup", 0, 0.99),
            ("dropout", 0, 0.95),
            ("mirror_share", 0, 1),
            ("patience", 0, 100_000),
            ("learning_rate", 1e-9, 10),
            ("head_learning_rate", 1e-9, 10),
            ("min_positives", 1, 1_000_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} is {getattr(self, name)}; it lies between {low:g} and {high:g}")
        if self.size is not None and not 32 <= self.size <= 2048:
            raise UsageError(f"size is {self.size}; it lies between 32 and 2048 pixels")
        wanted(self.task)


def names_of_options() -> Sequence[str]:
    """Return the names of everything that can be set."""
    return [field.name for field in fields(Config)]


def wanted(task: str) -> tuple[str, ...]:
    """Return the outputs that a task asks for, in order.

    Raises
    ------
    UsageError
        There is no such task or finding.
    """
    if task == "multi-label":
        return (*LABELS, ANY_ABNORMALITY)
    if task == "normal":
        return (ANY_ABNORMALITY,)
    kind, _, rest = task.partition(":")
    if kind != "disease" or not rest:
        raise UsageError(f"task {task!r} is not known: multi-label, normal, or disease:NAME[,NAME]")
    found: list[str] = []
    for name in rest.split(","):
        labels: Sequence[str] = EARLY_CANCER if name.strip().lower() == "early-cancer" else (canonical(name) or "",)
        for label in labels:
            if label not in LABELS:
                raise UsageError(f"task {task!r}: {name.strip()!r} is none of {', '.join(LABELS)}, early-cancer")
            if label not in found:
                found.append(label)
    return tuple(found)
