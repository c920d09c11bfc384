"""Uniform prior over codes."""

import pyro.distributions as dist
import torch
from torch import Tensor

from ...nn.sizes import Sizes
from .base import CodePrior


class UniformCodes(CodePrior):
    """Independent, uniform codes: the prior under which a VQ-VAE is trained.

    A grid of T codes out of n costs T log n nats.

    Args:
        grid: Shape of the codes of one datum.
        num_codes: n.

    Example:
        >>> prior = UniformCodes((2, 2), 8)
        >>> prior().log_prob(prior().sample(torch.Size([3])))
        tensor([-8.3178, -8.3178, -8.3178])
    """

    logits: Tensor

    def __init__(self, grid: Sizes, num_codes: int) -> None:
        super().__init__(grid, num_codes)
        self.register_buffer("logits", torch.zeros(self.num_codes), persistent=False)

    def forward(self) -> dist.TorchDistribution:
        each = dist.Categorical(logits=self.logits, validate_args=False)
        return each.expand(self.grid).to_event(len(self.grid))
