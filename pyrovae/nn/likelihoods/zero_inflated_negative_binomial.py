"""Zero-inflated negative binomial likelihood of counts."""

from collections.abc import Iterator, Sequence

import pyro.distributions as dist
from torch import Tensor

from ...distributions.zero_inflated import ZeroInflated
from .base import Reading, Values
from .counts import SizeFactor
from .negative_binomial import NegativeBinomial
from .positive import Source


class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """Negative binomial likelihood of counts with further zeros, whose probability is predicted.

    The decoder outputs what it does for `NegativeBinomial`, then the logits of a further zero.

    Args:
        inverse_dispersion: theta: "predicted" for each element, "learned", or a number.
        shape: Of a learned theta: () for one, the shape of a datum for one per dimension.
        size_factor: "total" for means that are shares of a datum's total: see `counts.Counts`.

    Raises:
        ConfigError: See `NegativeBinomial`, as for other errors.

    Source:
        Deep generative modeling for single-cell transcriptomics (Lopez et al., 2018), Methods,
        https://doi.org/10.1038/s41592-018-0229-2

    Example:
        >>> import torch
        >>> ZeroInflatedNegativeBinomial()(torch.zeros(3, 3, 8), event_dim=1).mean.shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        inverse_dispersion: Source = "predicted",
        *,
        shape: Sequence[int] = (),
        size_factor: SizeFactor = None,
    ) -> None:
        super().__init__(inverse_dispersion, shape=shape, size_factor=size_factor)
        self.num_parameters += 1

    def counts(self, log_mean: Tensor, outputs: Iterator[Tensor]) -> dist.TorchDistribution:
        inflated = ZeroInflated(super().counts(log_mean, outputs), next(outputs))
        return inflated

    def reading(self, parameter: int) -> Reading:
        is_gate = parameter == self.num_parameters - 1
        return "logits" if is_gate else super().reading(parameter)

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        return super().suggest(values) if values.low == 0 else None
