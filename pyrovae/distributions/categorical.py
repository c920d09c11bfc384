"""A categorical whose score can be captured in a graph."""

import pyro.distributions as dist
import torch
from torch import Tensor


class CapturableCategorical(dist.Categorical):
    """Pyro's, which compares object ids in `log_prob` to save work on enumerated values.

    That is beyond what a captured graph or torch.compile can do, and so this one does not.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.distributions.Categorical.log_prob(self, value)
