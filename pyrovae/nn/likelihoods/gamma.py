"""Gamma likelihood of positive numbers."""

import math
from collections.abc import Sequence

import pyro.distributions as dist
import torch
from torch import Tensor

from ...distributions import gamma
from .base import Likelihood, Reading, Values
from .positive import Positive, Source, log_link


class PositiveNumbers(Likelihood):
    """A likelihood whose support is all positive numbers. Encoders see log x."""

    needs = "positive numbers"

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, math.inf)

    @property
    def stand_in(self) -> float:
        return 1.0

    def accepts(self, values: Values) -> bool:
        return values.low > 0

    def rescale(self, x: Tensor) -> Tensor:
        numbers = x if x.is_floating_point() else x.to(torch.get_default_dtype())
        return numbers.clamp(min=torch.finfo(numbers.dtype).tiny).log()

    def reading(self, parameter: int) -> Reading:
        return "log"

    def remark(self, values: Values) -> str | None:
        if values.low != 0:
            return None
        return (
            "An exact 0 has no density under it: add half of what the data resolve, or drop the "
            "zeros"
        )

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        return f"{cls.__name__}()" if values.are_positive else None


class Gamma(PositiveNumbers):
    """Gamma likelihood of positive numbers, by mean and shape.

    The decoder outputs the logarithm of the mean mu, then that of the shape k if that is
    predicted; the variance is mu^2 / k, so that the spread is relative.

    Args:
        concentration: The shape k: "predicted" for each element, "learned", or a number; 1 is
            the exponential distribution.
        shape: Tensor shape of a learned k: () for one, that of a datum for one per dimension.

    Raises:
        ConfigError: A number is not positive, a word is not known, or `shape` is given for a k
            that is not learned.
        ShapeError: The data do not end in `shape`.

    Source:
        Generalized Linear Models (McCullagh & Nelder, 1989), sec. 8.2

    Example:
        >>> Gamma()(torch.zeros(3, 2, 8), event_dim=1).log_prob(torch.ones(3, 8))
        tensor([-8., -8., -8.])
    """

    def __init__(self, concentration: Source = "predicted", *, shape: Sequence[int] = ()) -> None:
        super().__init__()
        self.concentration = Positive("Gamma", "concentration", concentration, shape=shape)
        self.num_parameters = 1 + self.concentration.num_parameters

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        log_mean = log_link(params[0])
        return gamma.Gamma(log_mean, self.concentration.log(log_mean, iter(params[1:])))

    def extra_repr(self) -> str:
        return self.concentration.extra_repr()
