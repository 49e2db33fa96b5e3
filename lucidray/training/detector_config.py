"""Everything that decides a run of `train detector`."""

from dataclasses import dataclass
from typing import Literal, get_args

from lucidray.domain.errors import UsageError

Architecture = Literal["faster-rcnn", "rt-detr"]


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; written to `config.json`.

    Attributes
    ----------
    architecture : str
        `faster-rcnn`: torchvision's, on MobileNetV3; `rt-detr`: transformers', on an 18-layer ResNet.
    weights : str
        `coco`: what the libraries fetch, or have fetched before; `none`: random numbers; or a file of an earlier run.
    size : int
        Side of the picture that films are letterboxed into, a multiple of 32.
    normals : float >= 0
        Films without any abnormality, for each film with boxes; they teach what is no finding.
    shift, zoom : float in [0, 0.3]
        How far a film is moved and scaled at random, as shares of the picture. Films are never mirrored: the heart's
        side is part of what a detector sees.
    min_boxes : int
        Training boxes that a finding needs, or it is left out.
    patience : int
        Epochs without a better validation mAP after which the run stops; 0 never stops.
    """

    architecture: Architecture = "faster-rcnn"
    weights: str = "coco"
    epochs: int = 20
    size: int = 320
    seed: int = 0
    limit: int | None = None
    batch: int = 4
    accumulate: int = 1
    learning_rate: float = 2e-4
    weight_decay: float = 1e-4
    normals: float = 0.5
    shift: float = 0.05
    zoom: float = 0.1
    min_boxes: int = 10
    patience: int = 5
    precision: Literal["no", "fp16", "bf16"] = "no"
    device: str | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        if self.architecture not in get_args(Architecture):
            raise UsageError(f"architecture {self.architecture!r} is not known: {', '.join(get_args(Architecture))}")
        if self.size % 32 or not 64 <= self.size <= 2048:
            raise UsageError(f"size is {self.size}; it is a multiple of 32 between 64 and 2048 pixels")
        for name, low, high in (
            ("epochs", 1, 100_000),
            ("batch", 1, 10_000),
            ("accumulate", 1, 10_000),
            ("learning_rate", 1e-9, 1),
            ("normals", 0, 100),
            ("shift", 0, 0.3),
            ("zoom", 0, 0.3),
            ("min_boxes", 1, 1_000_000),
            ("patience", 0, 100_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} is {getattr(self, name)}; it lies between {low:g} and {high:g}")
