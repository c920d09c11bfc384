"""Log-normal likelihood of positive numbers."""

import math
from collections.abc import Sequence
from typing import Self

import pyro.distributions as dist
from torch import Tensor

from ...distributions import log_normal
from .base import Reading
from .gamma import PositiveNumbers
from .positive import Positive, Source


class LogNormal(PositiveNumbers):
    """Log-normal likelihood of positive numbers; the decoder outputs the mean of their logarithm.

    Then comes the logarithm of the scale of log x, if that is predicted. The median is exp(loc),
    the mean exp(loc + scale^2 / 2), which a large scale lifts far above all data.

    Args:
        scale: Standard deviation of log x: "predicted" for each element, "learned", or a number.
        shape: Of a learned scale: () for one, the shape of a datum for one per dimension.
        min_scale: Smallest learned or predicted scale. Without it the density would grow without
            bound where the decoder hits a datum.

    Raises:
        ConfigError: A number is out of range, a word is not known, or `shape` is given for a
            scale that is not learned.
        ShapeError: The data do not end in `shape`.

    Example:
        >>> import torch
        >>> LogNormal()(torch.zeros(3, 2, 8), event_dim=1).log_prob(torch.ones(3, 8)).shape
        torch.Size([3])
    """

    def __init__(
        self,
        scale: Source = "predicted",
        *,
        shape: Sequence[int] = (),
        min_scale: float = 1e-3,
    ) -> None:
        super().__init__()
        self.scale = Positive("LogNormal", "scale", scale, shape=shape, floor=min_scale, init=0.5)
        self.num_parameters = 1 + self.scale.num_parameters

    @classmethod
    def example(cls) -> Self:
        return cls("learned")  # a large scale has moments that no test can estimate

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        log_scale = self.scale.log(params[0], iter(params[1:]))
        return log_normal.LogNormal(params[0], log_scale.exp())

    def reading(self, parameter: int) -> Reading:
        return "log" if parameter else "mean"

    def in_units_of_the_mean(self, value: float) -> float:
        return math.log(value)

    def extra_repr(self) -> str:
        return self.scale.extra_repr()
