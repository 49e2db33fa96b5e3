"""The network that makes small films larger: what it adds to a Lanczos interpolation, and nothing else.

Residual blocks without normalisation at the small film's size, then a pixel shuffle. The last convolution starts at
zero, so that an untrained network is Lanczos, and everything it ever adds can be seen.

References
----------
Lim et al., EDSR, CVPR Workshops 2017; Shi et al., pixel shuffle (ESPCN), CVPR 2016
"""

import torch
from torch import nn

FACTOR = 4


class _Block(nn.Module):
    """Two convolutions and the way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Keep the shape (N, channels, h, w)."""
        result: torch.Tensor = x + self.second(torch.relu(self.first(x)))
        return result


class UpscalerNetwork(nn.Module):
    """From a small film to what is to be added to its Lanczos interpolation by 4.

    Parameters
    ----------
    channels, blocks : int
        Width, and number of residual blocks.
    """

    def __init__(self, channels: int = 32, blocks: int = 8) -> None:
        super().__init__()
        self.head = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.body = nn.Conv2d(channels, channels, 3, padding=1)
        self.tail = nn.Conv2d(channels, FACTOR**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(FACTOR)
        nn.init.zeros_(self.tail.weight)
        assert self.tail.bias is not None  # noqa: S101 - a convolution has one unless told otherwise
        nn.init.zeros_(self.tail.bias)

    def forward(self, film: torch.Tensor) -> torch.Tensor:
        """Take (N, 1, h, w) in [0, 1], give (N, 1, 4h, 4w) in the same grey scale, about 0."""
        # Centred, since a film's mean grey says nothing of what is missing.
        seen = self.head(film - 0.5)
        result: torch.Tensor = self.shuffle(self.tail(seen + self.body(self.blocks(seen))))
        return result
