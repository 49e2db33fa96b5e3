"""Detectors of torchvision and transformers behind one face: losses while they learn, a table of boxes when they look.

The table is (N, 300, 6): left, top, right, bottom in pixels of the picture, score, class; rows of score 0 are empty. It
is what the exported file answers, and what `--localizer` reads as end-to-end.
"""

from typing import Any

import torch
from torch import nn

from lucidray.domain.errors import ModelError
from lucidray.models.torch_weights import fill, read_weights
from lucidray.training.detector_config import Config
from lucidray.training.detector_films import Target
from lucidray.training.run_folder import Report

ROWS = 300
_COCO_RT_DETR = "PekingU/rtdetr_r18vd_coco_o365"
_LEAST_SCORE = 0.01
_QUERIES = 100


class FasterRcnn(nn.Module):
    """torchvision's Faster R-CNN on MobileNetV3, with feature pyramid."""

    def __init__(self, classes: int, size: int, *, coco: bool = False) -> None:
        super().__init__()
        from torchvision.models import detection

        options: dict[str, Any] = {
            # Films come in the size of the picture: nothing is resized again.
            "min_size": size,
            "max_size": size,
            "box_score_thresh": _LEAST_SCORE,
            "box_detections_per_img": 100,
            "rpn_pre_nms_top_n_test": 300,
            "rpn_post_nms_top_n_test": 300,
            "rpn_score_thresh": 0.0,
        }
        weights = detection.FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1 if coco else None
        self.model: Any = detection.fasterrcnn_mobilenet_v3_large_320_fpn(
            weights=weights, weights_backbone=None, **options
        )
        width = self.model.roi_heads.box_predictor.cls_score.in_features
        self.model.roi_heads.box_predictor = detection.faster_rcnn.FastRCNNPredictor(width, classes + 1)

    def forward(self, films: torch.Tensor, targets: list[Target] | None = None) -> torch.Tensor:
        """Return the loss, where targets are given, or the table of boxes."""
        if targets is not None:
            # Class 0 is what is no finding.
            told = [{"boxes": one["boxes"], "labels": one["classes"] + 1} for one in targets]
            losses: dict[str, torch.Tensor] = self.model(list(films), told)
            return torch.stack(list(losses.values())).sum()
        found = self.model(list(films))
        return torch.stack(
            [
                _table(torch.cat([one["boxes"], one["scores"][:, None], (one["labels"] - 1)[:, None].float()], 1))
                for one in found
            ]
        )


class RtDetr(nn.Module):
    """transformers' RT-DETR on an 18-layer ResNet."""

    def __init__(self, classes: int, size: int, *, coco: bool = False) -> None:
        super().__init__()
        import transformers

        # A query begins at a cell of the encoder: a small picture has fewer of them.
        queries = min(_QUERIES, sum((size // stride) ** 2 for stride in (8, 16, 32)))
        shape = {"anchor_image_size": [size, size], "num_labels": classes, "num_queries": queries}
        if coco:
            self.model: Any = transformers.RTDetrForObjectDetection.from_pretrained(
                _COCO_RT_DETR, ignore_mismatched_sizes=True, **shape
            )
        else:
            backbone = transformers.RTDetrResNetConfig(
                layer_type="basic",
                depths=[2, 2, 2, 2],
                hidden_sizes=[64, 128, 256, 512],
                out_features=["stage2", "stage3", "stage4"],
            )
            self.model = transformers.RTDetrForObjectDetection(
                transformers.RTDetrConfig(
                    backbone_config=backbone,
                    encoder_in_channels=[128, 256, 512],
                    decoder_layers=3,
                    hidden_expansion=0.5,
                    **shape,
                )
            )
        self._size, self._classes = size, classes

    def forward(self, films: torch.Tensor, targets: list[Target] | None = None) -> torch.Tensor:
        """Return the loss, where targets are given, or the table of boxes."""
        if targets is not None:
            told = [{"class_labels": one["classes"], "boxes": _centred(one["boxes"]) / self._size} for one in targets]
            loss: torch.Tensor = self.model(pixel_values=films, labels=told).loss
            return loss
        found = self.model(pixel_values=films)
        scores = found.logits.sigmoid()
        best, place = scores.flatten(1).topk(min(ROWS, scores.shape[1] * scores.shape[2]), dim=1)
        queries = torch.div(place, self._classes, rounding_mode="floor")
        boxes = found.pred_boxes.gather(1, queries[:, :, None].expand(-1, -1, 4)) * self._size
        half = boxes[:, :, 2:] / 2
        corners = torch.cat([boxes[:, :, :2] - half, boxes[:, :, :2] + half], 2)
        table = torch.cat([corners, best[:, :, None], (place % self._classes)[:, :, None].float()], 2)
        padding = table.new_zeros((table.shape[0], ROWS - table.shape[1], 6))
        return torch.cat([table, padding], 1)


def build(config: Config, classes: int, say: Report) -> nn.Module:
    """Build a detector.

    Raises
    ------
    ModelError
        The weights cannot be had, or do not fit.
    """
    kind = FasterRcnn if config.architecture == "faster-rcnn" else RtDetr
    coco = config.weights == "coco"
    try:
        network: nn.Module = kind(classes, config.size, coco=coco)
    except Exception as error:
        if not coco:
            raise
        # The libraries' clients raise a dozen unrelated classes of their own.
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"COCO weights of {config.architecture} cannot be had ({reason}): they are fetched once. Fetch them where"
            " there is a network, name a file with --weights FILE, or begin with random weights by --weights none"
        ) from error
    if config.weights not in ("coco", "none"):
        from pathlib import Path

        path = Path(config.weights)
        if not path.is_file():
            raise ModelError(f"--weights {path}: there is no such file; coco and none are the other choices")
        fill(network, read_weights(path), path)
    say(f"{config.architecture} begins with {'random weights' if config.weights == 'none' else config.weights}")
    return network


def _table(found: torch.Tensor) -> torch.Tensor:
    """Bring (M, 6) to (ROWS, 6), empty rows last."""
    return torch.cat([found, found.new_zeros((ROWS, 6))], 0)[:ROWS]


def _centred(boxes: torch.Tensor) -> torch.Tensor:
    """Return centre and size of (M, 4) corners."""
    return torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
