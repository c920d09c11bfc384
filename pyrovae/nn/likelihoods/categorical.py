"""Categorical likelihood for levels without an assumed order."""

from typing import Self

import pyro.distributions as dist
import torch
from torch import Tensor

from ...distributions.categorical import CapturableCategorical
from ...errors import ConfigError
from .base import Likelihood, Reading, Sizes, Values


class Categorical(Likelihood):
    """Categorical likelihood of levels 0..num_classes-1 without an assumed order.

    The decoder outputs num_classes logits per element. The mean is the mean level, which has a
    meaning only if the classes are levels.

    Args:
        num_classes: Number of classes, at least two.

    Raises:
        ConfigError: `num_classes` is below two.

    Example:
        >>> Categorical(num_classes=4)(torch.zeros(3, 4, 8), event_dim=1).mean.shape
        torch.Size([3, 8])
    """

    def __init__(self, num_classes: int = 256) -> None:
        super().__init__()
        if num_classes < 2:
            raise ConfigError(f"Categorical got num_classes={num_classes}; it needs at least 2")
        self.num_parameters = num_classes
        self.needs = f"whole numbers in 0..{num_classes - 1}"
        self.bounds = (0.0, float(num_classes - 1))

    @classmethod
    def example(cls) -> Self:
        return cls(num_classes=6)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        return _Levels(logits=params.movedim(0, -1), validate_args=False)

    def reading(self, parameter: int) -> Reading:
        return "class logits"

    def accepts(self, values: Values) -> bool:
        return values.whole and values.low >= 0 and values.high < self.num_parameters

    def rescale(self, x: Tensor) -> Tensor:
        return x / ((self.num_parameters - 1) / 2) - 1  # 2 * x would overflow for bytes

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        top = values.top_level
        return f"Categorical({top + 1})" if top is not None and 1 < top < 1024 else None

    def extra_repr(self) -> str:
        return f"num_classes={self.num_parameters}"


class _Levels(CapturableCategorical):
    """Categorical over numbers: it has a mean, and its samples have the data's type."""

    @property
    def mean(self) -> Tensor:
        return (self.probs * self._levels()).sum(-1)

    @property
    def variance(self) -> Tensor:
        return (self.probs * (self._levels() - self.mean[..., None]) ** 2).sum(-1)

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        return super().sample(sample_shape).to(self.logits.dtype)

    def _levels(self) -> Tensor:
        return torch.arange(self._num_events, dtype=self.logits.dtype, device=self.logits.device)
