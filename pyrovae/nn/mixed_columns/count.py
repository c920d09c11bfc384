"""Columns of counts."""

from pyro.distributions import TorchDistribution
from torch import Tensor

from ...distributions.negative_binomial import NegativeBinomial
from ...distributions.poisson import Poisson
from ..likelihoods.positive import log_link
from .number_columns import NumberColumns


class CountColumns(NumberColumns):
    """Negative binomial columns, or Poisson ones without an inverse dispersion."""

    needs = "whole numbers from 0"

    def forward(self, outputs: Tensor) -> TorchDistribution:
        mean, log_theta = self.mean_and_log_second(outputs)
        log_mean = log_link(self.shift + self.scale * mean)
        return Poisson(log_mean) if self.second is None else NegativeBinomial(log_mean, log_theta)

    def seen(self, x: Tensor) -> Tensor:
        return (x.log1p() - self.shift) / self.scale

    def accepts(self, x: Tensor) -> Tensor:
        return x.isfinite() & (x >= 0) & (x == x.round())
