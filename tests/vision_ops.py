"""torchvision's operators in plain PyTorch, for where the installed torchvision is of another build than PyTorch.

They compute what the compiled ones compute, slowly, so that detectors can be trained and exported in tests. Where
torchvision brings its own, nothing is done.
"""

from borrowed_models import _KEPT, make_torchvision_importable


def make_torchvision_work() -> None:
    """Let torchvision find boxes and regions, whatever build it is; skip where it is missing."""
    make_torchvision_importable()
    import torch
    import torchvision
    from torchvision import extension
    from torchvision.ops import roi_align as module_name  # noqa: F401 - the name is the function's, too

    if extension._has_ops():
        return
    import sys

    rois = sys.modules["torchvision.ops.roi_align"]
    library = torch.library.Library("torchvision", "FRAGMENT")
    _KEPT.append(library)
    library.impl("nms", _nms, "CPU")
    library.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width,"
        " int sampling_ratio, bool aligned) -> Tensor"
    )
    library.impl("roi_align", rois._roi_align, "CompositeImplicitAutograd")
    extension._has_ops = lambda: True
    rois._has_ops = lambda: True
    assert torchvision.ops.nms is not None


def _nms(boxes, scores, iou_threshold):
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    kept = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(first)
        low = torch.maximum(boxes[first, :2], boxes[rest, :2])
        high = torch.minimum(boxes[first, 2:], boxes[rest, 2:])
        common = (high - low).clamp(min=0).prod(dim=1)
        order = rest[common / (areas[first] + areas[rest] - common) <= iou_threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)
