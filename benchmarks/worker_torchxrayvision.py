"""One fresh process of TorchXRayVision: its own loading, DenseNet-121 and a Grad-CAM; with `anatomy`, its PSPNet."""

import time

STARTED = time.perf_counter()

import contextlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from worker import report  # noqa: E402

warnings.simplefilter("ignore")

# A torchvision that was built for CUDA cannot load its operators beside a CPU build of PyTorch, and then fails to
# import for want of their names. Nothing here runs them.
OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
for operator in ("nms", "qnms"):
    with contextlib.suppress(RuntimeError):  # there already
        OPERATORS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402
import torchxrayvision as xrv  # noqa: E402
from torchxrayvision.baseline_models.chestx_det.ptsemseg.pspnet import pspnet  # noqa: E402


class Anatomy(xrv.baseline_models.chestx_det.PSPNet):
    """The package's PSPNet with random weights; its own constructor would download them."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.transform = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.model = pspnet(len(self.targets)).eval()


def interpret(path: str, classifier: torch.nn.Module, anatomy: torch.nn.Module | None) -> str:
    """From a file to JSON, as the package's own examples do it."""
    film = xrv.utils.load_image(path)
    film = xrv.datasets.XRayCenterCrop()(film)
    small = torch.from_numpy(xrv.datasets.XRayResizer(224)(film))[None]

    features = classifier.features(small)
    features.retain_grad()
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.relu(features), (1, 1)).flatten(1)
    scores = classifier.classifier(pooled)
    scores[0, int(scores[0].argmax())].backward()
    weights = features.grad.mean(dim=(2, 3), keepdim=True)
    heatmap = torch.relu((weights * features).sum(1))[0].detach().numpy()

    result = {
        "scores": dict(zip(xrv.datasets.default_pathologies, torch.sigmoid(scores)[0].tolist(), strict=False)),
        "heatmap": np.round(heatmap, 4).tolist(),
    }
    if anatomy is not None:
        with torch.no_grad():
            masks = torch.sigmoid(anatomy(torch.from_numpy(xrv.datasets.XRayResizer(512)(film))[None]))
        result["areas"] = (masks > 0.5).float().mean(dim=(2, 3))[0].tolist()
    return json.dumps(result)


def main() -> None:
    """Read the film that the command line names."""
    path, repeats, with_anatomy = sys.argv[1], int(sys.argv[2]), "anatomy" in sys.argv[3:]
    torch.manual_seed(0)
    classifier = xrv.models.DenseNet(num_classes=18).eval()
    anatomy = Anatomy() if with_anatomy else None
    text = interpret(path, classifier, anatomy)
    first = time.perf_counter() - STARTED
    warm = []
    for _ in range(repeats):
        began = time.perf_counter()
        text = interpret(path, classifier, anatomy)
        warm.append(time.perf_counter() - began)
    report(first, warm, {}, len(text))


main()
