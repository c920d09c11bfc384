"""Priors p(z): modules that give a Pyro distribution over one latent vector."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import pyro.distributions as dist
import torch
from torch import Tensor, nn


class Prior(nn.Module, ABC):
    """Gives p(z) with event shape [L] and no batch axes; a plate expands it.

    Args:
        latent_dim: L.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @abstractmethod
    def forward(self) -> dist.TorchDistribution:
        """The distribution p(z), event shape [L]."""


PriorFactory = Callable[[int], Prior]
"""Builds one for a latent dimension: the class itself, or a partial of it."""


class StandardNormal(Prior):
    """N(0, I), the usual prior.

    Example:
        >>> StandardNormal(3)().event_shape
        torch.Size([3])
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> dist.TorchDistribution:
        return dist.Normal(self.loc, self.scale, validate_args=False).to_event(1)
