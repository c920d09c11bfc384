"""Normal with one scale per latent dimension."""

import pyro.distributions as dist
from torch import Tensor

from .base import Posterior


class DiagonalNormal(Posterior):
    """Normal with a mean and a log-scale per latent dimension: 2 L parameters.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), sec. 3,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> import torch
        >>> DiagonalNormal(3)(torch.zeros(5, 6)).batch_shape
        torch.Size([5])
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.num_parameters = 2 * latent_dim

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        loc, log_scale = params.chunk(2, dim=-1)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(1)
