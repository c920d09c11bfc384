"""Elements at one of the two ends."""

import torch
from torch import Tensor

from .base import ReplacingNoise


class SaltAndPepper(ReplacingNoise):
    """Sets a random share of the elements to the lowest or the highest value.

    Args:
        share: Probability that an element is replaced; both values are equally likely.
        low: The lowest value.
        high: The highest value.

    Raises:
        ConfigError: `share` is not a probability.

    Example:
        >>> SaltAndPepper(1.0)(torch.full((100,), 0.5)).unique()
        tensor([0., 1.])
    """

    def __init__(self, share: float = 0.25, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__(share)
        self.low, self.high = low, high

    def replacements(self, x: Tensor) -> Tensor:
        return torch.where(torch.rand_like(x) < 0.5, self.low, self.high).to(x)

    def log_replaced(self, noisy: Tensor) -> Tensor:
        ends = [torch.full_like(noisy, end) for end in (self.low, self.high)]
        return (
            torch.stack([torch.where(noisy == e, 0.5, 0.0) for e in ends]).sum(0).log().to(noisy)
        )

    def extra_repr(self) -> str:
        return f"share={self.share:g}, low={self.low:g}, high={self.high:g}"
