"""A categorical whose score can be captured in a graph."""

import pyro.distributions as dist
import torch
from torch import Tensor


class CapturableCategorical(dist.Categorical):
    """Pyro's categorical with the `log_prob` of torch.

    Pyro's own compares object ids to save work on enumerated values, which neither a captured
    graph nor torch.compile can do.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.distributions.Categorical.log_prob(self, value)
