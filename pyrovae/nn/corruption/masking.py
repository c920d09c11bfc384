"""Elements that are hidden."""

import torch
from torch import Tensor

from .base import ReplacingNoise


class Masking(ReplacingNoise):
    """Sets a random share of the elements to one value.

    Args:
        share: Probability that an element is hidden.
        value: The value that replaces it.

    Raises:
        ConfigError: `share` is not a probability.

    Example:
        >>> Masking(1.0)(torch.ones(2))
        tensor([0., 0.])
    """

    def __init__(self, share: float = 0.25, value: float = 0.0) -> None:
        super().__init__(share)
        self.value = value

    def replacements(self, x: Tensor) -> Tensor:
        return torch.full_like(x, self.value)

    def log_replaced(self, noisy: Tensor) -> Tensor:
        hit = noisy == torch.full_like(noisy, self.value)
        return torch.where(hit, 0.0, -torch.inf).to(noisy)

    def extra_repr(self) -> str:
        return f"share={self.share:g}, value={self.value:g}"
