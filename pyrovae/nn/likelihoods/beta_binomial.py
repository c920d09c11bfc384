"""Beta-binomial likelihood for bounded counts."""

from collections.abc import Sequence
from typing import Self

import pyro.distributions as dist
from torch import Tensor

from ...distributions import beta_binomial
from ...errors import ConfigError
from .base import Likelihood, Reading, Values
from .positive import Positive, Source


class BetaBinomial(Likelihood):
    """Beta-binomial likelihood of counts 0..total_count that spread more than a binomial's.

    The decoder outputs the logits of the mean over total_count, then the logarithm of the
    concentration if that is predicted. The variance is the binomial's times
    (c + n) / (c + 1) for the concentration c.

    Args:
        total_count: The largest value, n.
        concentration: c: "predicted" for each element, "learned", or a number.
        shape: Of a learned c: () for one, the shape of a datum for one per dimension.

    Raises:
        ConfigError: `total_count` is below one, a number is not positive, a word is not known, or
            `shape` is given for a concentration that is not learned.
        ShapeError: The data do not end in `shape`.

    Example:
        >>> import torch
        >>> BetaBinomial(total_count=16)(torch.zeros(3, 2, 64), event_dim=1).mean.shape
        torch.Size([3, 64])
    """

    def __init__(
        self,
        total_count: int = 16,
        concentration: Source = "predicted",
        *,
        shape: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if total_count < 1:
            raise ConfigError(f"BetaBinomial got total_count={total_count}; it needs at least 1")
        self.total_count = total_count
        self.concentration = Positive("BetaBinomial", "concentration", concentration, shape=shape)
        self.num_parameters = 1 + self.concentration.num_parameters
        self.needs = f"whole numbers in 0..{total_count}"
        self.bounds = (0.0, float(total_count))

    @classmethod
    def example(cls) -> Self:
        return cls(total_count=16)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        log_concentration = self.concentration.log(params[0], iter(params[1:]))
        return beta_binomial.BetaBinomial(self.total_count, params[0], log_concentration)

    def reading(self, parameter: int) -> Reading:
        return "log" if parameter else "logits"

    def accepts(self, values: Values) -> bool:
        return values.whole and values.low >= 0 and values.high <= self.total_count

    def rescale(self, x: Tensor) -> Tensor:
        return x / self.total_count

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        top = values.top_level
        return f"BetaBinomial(total_count={top})" if top is not None and top > 1 else None

    def extra_repr(self) -> str:
        return f"total_count={self.total_count}, {self.concentration.extra_repr()}"
