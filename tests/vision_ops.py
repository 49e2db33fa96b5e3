"""torchvision's operators in plain PyTorch, for where the installed torchvision is of another build than PyTorch.

They compute what the compiled ones compute, slowly, so that detectors can be trained and exported in tests. Where
torchvision brings its own, nothing is done.
"""

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
    library.impl("roi_align", _roi_align, "CompositeImplicitAutograd")
    extension._has_ops = rois._has_ops = _there
    assert torchvision.ops.nms is not None


def _roi_align(features, rois, scale, height, width, ratio, aligned):
    """Sample `ratio` by `ratio` points a cell, as torchvision does for boxes on the picture; its own is far slower."""
    import torch

    _, channels, rows, columns = features.shape
    result = features.new_zeros((len(rois), channels, height, width))
    for number in range(len(features)):
        own = (rois[:, 0] == number).nonzero().flatten()
        if not len(own):
            continue
        x0, y0, x1, y1 = (rois[own, 1:] * scale - (0.5 if aligned else 0.0)).unbind(1)
        wide, high = (x1 - x0, y1 - y0) if aligned else ((x1 - x0).clamp(min=1), (y1 - y0).clamp(min=1))
        across, down = ((torch.arange(count * ratio) + 0.5) / (count * ratio) for count in (width, height))
        x = (x0[:, None] + wide[:, None] * across).clamp(0, columns - 1) * 2 / max(columns - 1, 1) - 1
        y = (y0[:, None] + high[:, None] * down).clamp(0, rows - 1) * 2 / max(rows - 1, 1) - 1
        shape = (len(own), height * ratio, width * ratio)
        grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
        grid = grid.reshape(1, len(own) * height * ratio, width * ratio, 2)
        sampled = torch.nn.functional.grid_sample(features[number : number + 1], grid, align_corners=True)
        cells = sampled.reshape(channels, len(own), height, ratio, width, ratio).mean((3, 5))
        result = result.index_copy(0, own, cells.permute(1, 0, 2, 3))
    return result


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
