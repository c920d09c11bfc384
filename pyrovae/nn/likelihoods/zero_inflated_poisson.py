"""Zero-inflated Poisson likelihood of counts."""

from collections.abc import Iterator

import pyro.distributions as dist
from torch import Tensor

from ...distributions.zero_inflated import ZeroInflated
from .base import Reading, Values
from .counts import SizeFactor
from .poisson import Poisson


class ZeroInflatedPoisson(Poisson):
    """Poisson likelihood of counts with further zeros, whose probability is predicted.

    The decoder outputs the log-mean of the counts (with a size factor the logits of shares), then
    the logits of a further zero.

    Args:
        size_factor: "total" for means that are shares of a datum's total: see `counts.Counts`.

    Raises:
        ConfigError: There is no such size factor.

    Source:
        Zero-inflated Poisson regression (Lambert, 1992), https://doi.org/10.2307/1269547

    Example:
        >>> import torch
        >>> ZeroInflatedPoisson()(torch.zeros(3, 2, 8), event_dim=1).mean.shape
        torch.Size([3, 8])
    """

    def __init__(self, size_factor: SizeFactor = None) -> None:
        super().__init__(size_factor)
        self.num_parameters = 2

    def counts(self, log_mean: Tensor, outputs: Iterator[Tensor]) -> dist.TorchDistribution:
        inflated = ZeroInflated(super().counts(log_mean, outputs), next(outputs))
        return inflated

    def reading(self, parameter: int) -> Reading:
        is_gate = parameter == self.num_parameters - 1
        return "logits" if is_gate else super().reading(parameter)

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        return super().suggest(values) if values.low == 0 else None
