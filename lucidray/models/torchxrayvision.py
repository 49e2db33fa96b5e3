"""TorchXRayVision's classifiers, as that package prepares their films, and with its own weights.

Raw scores are the networks' logits. The package's own answers are sigmoids bent so that an operating point becomes 0.5,
and 0.5 for what a model was never trained on; neither is a probability, and neither is used. The operating points set
where a map is cut, and no more.

References
----------
Cohen et al., MIDL (2022), https://arxiv.org/abs/2111.00595 · Ye et al. (jfhealthcare), https://arxiv.org/abs/2005.14480
"""

import contextlib
import json
import math
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.prediction import Prediction
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.models.frame import Frame
from lucidray.models.labels import match
from lucidray.models.model_card import checked_hash
from lucidray.models.pickled_module import read_state
from lucidray.models.torch_device import choose
from lucidray.models.torch_weights import fill, read_weights
from lucidray.models.uncalibrated import RawModel, logit


@contextlib.contextmanager
def _untouched() -> Iterator[None]:
    """Keep the search path and the warnings as they are: the package changes both for the whole process."""
    path = list(sys.path)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.path[:] = path


with _untouched():
    import torchvision
    import torchxrayvision as xrv

JFHEALTHCARE = "jfhealthcare-densenet121"
_JFHEALTHCARE_URL = (
    "https://github.com/mlmed/torchxrayvision/releases/download/v1/"
    "baseline_models_jfhealthcare-DenseNet121_pre_train.pth"
)
_JFHEALTHCARE_SIZE = 512


@dataclass(frozen=True)
class Weights:
    """One set of weights.

    Attributes
    ----------
    name : str
    url : str
        Where the package gets them.
    targets : tuple of str or None
        One an output; None where it was never trained.
    operating_points : tuple of float or None
        Probabilities from which the package calls a finding, one an output.
    size : int
        Side of the input, in pixels.
    """

    name: str
    url: str
    targets: tuple[str | None, ...]
    operating_points: tuple[float | None, ...]
    size: int

    @property
    def path(self) -> Path:
        """Where the package keeps them."""
        return Path(xrv.utils.get_cache_dir()) / self.url.rsplit("/", 1)[-1]


def known() -> tuple[str, ...]:
    """Return the names of all weights that can be asked for."""
    return (*(name for name in xrv.models.model_urls if "-res" in name), JFHEALTHCARE)


def describe(name: str) -> Weights:
    """Return what the package says of a set of weights.

    Raises
    ------
    UsageError
        There is no such set.
    """
    if name == JFHEALTHCARE:
        targets = tuple(xrv.baseline_models.jfhealthcare.DenseNet.targets)
        return Weights(name, _JFHEALTHCARE_URL, targets, (None,) * len(targets), _JFHEALTHCARE_SIZE)
    if name not in known():
        raise UsageError(f"torchxrayvision has no weights {name!r}; it has {', '.join(known())}")
    entry: dict[str, Any] = xrv.models.model_urls[name]
    points = tuple(None if math.isnan(point) else float(point) for point in entry["op_threshs"])
    # No operating point: the package itself answers 0.5 there, whatever it calls the output.
    targets = tuple(
        target if target and point is not None else None for target, point in zip(entry["labels"], points, strict=True)
    )
    return Weights(name, entry["weights_url"], targets, points, int(entry["input_resolution"]))


def prepare(pixels: FloatImage, size: int) -> tuple[npt.NDArray[np.float32], Frame]:
    """Prepare a film by the package's own transforms.

    Parameters
    ----------
    pixels : (H, W) float32 in [0, 1]
    size : int

    Returns
    -------
    input : (1, 1, size, size) float32 in [-1024, 1024]
    frame : Frame
        The square in the film's middle.
    """
    film = xrv.utils.normalize(pixels, 1.0)[None]
    rows, columns = pixels.shape
    side = min(rows, columns)
    left, top = columns // 2 - side // 2, rows // 2 - side // 2
    small = xrv.datasets.XRayResizer(size)(xrv.datasets.XRayCenterCrop()(film))
    frame = Frame(left / columns, top / rows, (left + side) / columns, (top + side) / rows)
    return np.asarray(small, dtype=np.float32)[None], frame


class TorchXRayVision:
    """`Classifier` on weights of TorchXRayVision.

    Raises
    ------
    UsageError
        There are no such weights, or the device is not there.
    ModelError
        The weights are not on this machine, or damaged.
    """

    def __init__(self, name: str, threads: int = 0, device: str = "auto") -> None:
        weights = describe(name)
        self._device = choose(device, threads)
        if not weights.path.is_file():
            raise ModelError(
                f"weights are missing: {weights.path}; get them once, on a machine that is connected, with "
                f"wget {weights.url} -O {weights.path}"
            )
        sha256 = checked_hash(weights.path, None)
        self._size = weights.size
        self._network = _build(weights).eval().to(self._device)
        outputs = match(weights.targets, name)
        points = {label: weights.operating_points[index] for label, index in outputs.index.items()}
        operating = {label: float(logit(point)) for label, point in points.items() if point is not None}
        self._raw = RawModel(name, outputs, operating, adults_only=True)
        self._used = ModelUsed(
            role="findings",
            name=f"torchxrayvision:{name}",
            version=str(xrv.__version__),
            sha256=sha256,
            device=self._device.type,
        )

    @property
    def used(self) -> ModelUsed:
        """Name, version of the package, hash of the weights, device."""
        return self._used

    @property
    def note(self) -> str | None:
        """What the model scores and lucidray leaves out."""
        return self._raw.outputs.note

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings of the weights; uncalibrated."""
        seen, frame = prepare(film.pixels, self._size)
        with torch.inference_mode():
            logits, maps = _look(self._network, torch.from_numpy(seen).to(self._device))
        shares = None if maps is None else self._raw.shares(maps[0].float().cpu().numpy())
        return self._raw.prediction(film, logits[0].float().cpu().numpy(), shares, frame)


def empty(weights: Weights) -> torch.nn.Module:
    """Build the package's network for a set of weights, without them."""
    if weights.name == JFHEALTHCARE:
        folder = Path(xrv.baseline_models.jfhealthcare.__file__).parent
        options = json.loads((folder / "config" / "example.json").read_text(encoding="utf-8"))
        # As it stands, the configuration downloads weights of ImageNet, only to overwrite them.
        options["pretrained"] = False
        network: torch.nn.Module = xrv.baseline_models.jfhealthcare.classifier.Classifier(SimpleNamespace(**options))
    elif weights.name.startswith("resnet50"):
        network = torchvision.models.resnet50(num_classes=len(weights.targets), weights=None)
        network.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    else:
        network = xrv.models.DenseNet(num_classes=len(weights.targets))
    return network


def _build(weights: Weights) -> torch.nn.Module:
    network = empty(weights)
    # The package's DenseNets are whole modules that somebody pickled; the others are weights alone.
    read = read_state if isinstance(network, xrv.models.DenseNet) else read_weights
    fill(network, read(weights.path), weights.path)
    return network


def _look(network: torch.nn.Module, film: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return logits (1, K) and the exact map of each, (1, K, h, w) in logits.

    DenseNet and ResNet pool by the mean: a logit is the mean of its map. jfhealthcare also pools by the maximum, and
    normalises what it pooled: its scores have no exact map, and none is drawn.
    """
    if isinstance(network, xrv.models.DenseNet):
        features = torch.relu(network.features(film))
        last = network.classifier
    elif isinstance(network, torchvision.models.ResNet):
        features = network.maxpool(network.relu(network.bn1(network.conv1(film))))
        for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
            features = layer(features)
        last = network.fc
    else:
        # As the package does it: three channels in [-2, 2].
        answers, _ = network(film.repeat(1, 3, 1, 1) / 512)
        return torch.cat(answers, 1), None
    maps = torch.nn.functional.conv2d(features, last.weight[:, :, None, None], last.bias)
    return last(features.mean(dim=(2, 3))), maps
