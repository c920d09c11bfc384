"""Bernoulli likelihood for binary data."""

import pyro.distributions as dist
from torch import Tensor

from .base import Likelihood, Reading, Values


class Bernoulli(Likelihood):
    """Bernoulli likelihood of data that are 0 or 1; the decoder outputs logits.

    It refuses grey levels, for which a Bernoulli is not normalised.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), app. C.1,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> import torch
        >>> Bernoulli()(torch.zeros(3, 1, 8, 8), event_dim=2).log_prob(torch.ones(3, 8, 8)).shape
        torch.Size([3])
    """

    needs = "0 or 1 only"
    bounds = (0.0, 1.0)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        return dist.Bernoulli(logits=params[0], validate_args=False)

    def reading(self, parameter: int) -> Reading:
        return "logits"

    def accepts(self, values: Values) -> bool:
        return values.whole and values.low >= 0 and values.high <= 1

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        if values.top_level == 1:
            return "Bernoulli()"
        grey = values.low >= 0 and values.high <= 1
        return 'Bernoulli() after binarize="dynamic"' if grey or values.top_level else None
