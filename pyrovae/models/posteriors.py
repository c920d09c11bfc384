"""Posteriors q(z|x): modules that turn an encoder's output into a Pyro distribution."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import pyro.distributions as dist
import torch
from torch import Tensor, nn


class Posterior(nn.Module, ABC):
    """Gives q(z|x) with event shape [L] from `num_parameters` outputs of an encoder.

    Args:
        latent_dim: L.
    """

    num_parameters: int

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @abstractmethod
    def forward(self, params: Tensor) -> dist.TorchDistribution:
        """The distribution q(z|x), event shape [L], from params [..., num_parameters]."""


PosteriorFactory = Callable[[int], Posterior]
"""Builds one for a latent dimension: the class itself, or a partial of it."""


class DiagonalNormal(Posterior):
    """Normal with a mean and a log-scale per latent dimension: 2 L parameters.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), sec. 3,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> DiagonalNormal(3)(torch.zeros(5, 6)).batch_shape
        torch.Size([5])
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.num_parameters = 2 * latent_dim

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        loc, log_scale = params.chunk(2, dim=-1)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(1)


class FullNormal(Posterior):
    """Normal with a full covariance through its Cholesky factor: L + L (L + 1) / 2 parameters.

    The encoder gives the mean, the logarithm of the factor's diagonal, and its lower triangle.

    Example:
        >>> FullNormal(3)(torch.zeros(5, 9)).covariance_matrix.shape
        torch.Size([5, 3, 3])
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.num_parameters = latent_dim + latent_dim * (latent_dim + 1) // 2
        rows, columns = torch.tril_indices(latent_dim, latent_dim, offset=-1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        size = self.latent_dim
        loc, log_diagonal, below = params.split(
            [size, size, self.num_parameters - 2 * size], dim=-1
        )
        below_diagonal = params.new_zeros((*params.shape[:-1], size, size))
        below_diagonal[..., self.rows, self.columns] = below
        factor = below_diagonal + torch.diag_embed(log_diagonal.exp())
        return dist.MultivariateNormal(loc, scale_tril=factor, validate_args=False)
