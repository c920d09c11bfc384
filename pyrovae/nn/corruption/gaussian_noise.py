"""Normal noise."""

import math

import torch
from torch import Tensor

from ...errors import ConfigError
from .base import SpreadingNoise


class GaussianNoise(SpreadingNoise):
    """Adds normal noise to every element.

    Args:
        scale: Standard deviation, in the units of what is corrupted.

    Raises:
        ConfigError: `scale` is negative.

    Example:
        >>> GaussianNoise(0.5)(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, scale: float = 0.5) -> None:
        super().__init__()
        if not scale >= 0:
            raise ConfigError(f"GaussianNoise got scale={scale}; it needs 0 or more")
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * torch.randn_like(x)

    def log_prob(self, noisy: Tensor, clean: Tensor) -> Tensor:
        error = (noisy - clean) / self.scale
        return -0.5 * error.square() - math.log(self.scale) - 0.5 * math.log(2 * math.pi)

    def spread(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        return noisy, torch.full_like(noisy, self.scale)

    def extra_repr(self) -> str:
        return f"scale={self.scale:g}"
