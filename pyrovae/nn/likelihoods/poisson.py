"""Poisson likelihood of counts."""

from collections.abc import Iterator

import pyro.distributions as dist
from torch import Tensor

from ...distributions import poisson
from .counts import Counts


class Poisson(Counts):
    """Poisson likelihood of counts; the decoder outputs the log-mean, or logits of shares.

    Its variance is its mean. Counts that spread more, as most do, fit `NegativeBinomial`.

    With `size_factor="total"` the means are shares of a datum's total l, its size, and what is
    called log p(x) is log p(x | l): it compares with that of models that are given the sizes.
    `generate` takes the mean size of the training, or `size=`; `models.GivenSizes` takes sizes as
    an argument of the pair.

    Args:
        size_factor: "total" or None: see `nn.likelihoods.counts.Counts`.

    Raises:
        ConfigError: There is no such size factor.

    Example:
        >>> import torch
        >>> Poisson()(torch.zeros(3, 1, 8), event_dim=1).mean.shape
        torch.Size([3, 8])
        >>> Poisson(size_factor="total")(torch.zeros(1, 4), event_dim=1).log_prob(
        ...     torch.tensor([0.0, 2.0, 1.0, 1.0]))  # each of mean 1, given the total of 4
        tensor(-4.6931)
    """

    def counts(self, log_mean: Tensor, outputs: Iterator[Tensor]) -> dist.TorchDistribution:
        return poisson.Poisson(log_mean)
