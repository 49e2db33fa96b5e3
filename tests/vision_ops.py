"""torchvision's operators in plain PyTorch, for where the installed torchvision is of another build than PyTorch.

They compute what the compiled ones compute, slowly, so that detectors can be trained and exported in tests. Where
torchvision brings its own, nothing is done.
"""

import inspect
import sys

from borrowed_models import _KEPT, make_torchvision_importable


def make_torchvision_work() -> None:
    """Let torchvision find boxes and regions, whatever build it is; skip where it is missing."""
    make_torchvision_importable()
    import torch
    import torchvision
    from torchvision import extension

    if extension._has_ops():
        return
    rois = sys.modules["torchvision.ops.roi_align"]
    library = torch.library.Library("torchvision", "FRAGMENT")
    _KEPT.append(library)
    library.impl("nms", _nms, "CPU")
    library.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width,"
        " int sampling_ratio, bool aligned) -> Tensor"
    )
    # Unwrapped: torchvision would compile it, which takes minutes.
    library.impl("roi_align", inspect.unwrap(rois._roi_align), "CompositeImplicitAutograd")
    extension._has_ops = rois._has_ops = _there
    assert torchvision.ops.nms is not None


def _there() -> bool:
    return True


def _nms(boxes, scores, iou_threshold):
    import numpy as np
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    sorted_ = boxes[order]
    low = torch.maximum(sorted_[:, None, :2], sorted_[None, :, :2])
    high = torch.minimum(sorted_[:, None, 2:], sorted_[None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=2)
    areas = (sorted_[:, 2:] - sorted_[:, :2]).prod(dim=1)
    overlaps = (common / (areas[:, None] + areas[None] - common) > iou_threshold).numpy()
    gone, kept = np.zeros(len(order), dtype=bool), []
    for place in range(len(order)):
        if not gone[place]:
            kept.append(place)
            gone |= overlaps[place]
    return order[torch.tensor(kept, dtype=torch.int64)]
