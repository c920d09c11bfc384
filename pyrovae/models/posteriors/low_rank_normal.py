"""Normal with a covariance of low rank plus a diagonal."""

from typing import Self

import pyro.distributions as dist
from torch import Tensor

from ...errors import ConfigError
from ...nn.sizes import as_size
from .base import Posterior


class LowRankNormal(Posterior):
    r"""Normal with covariance :math:`W W^\top + \operatorname{diag}(d)`: (2 + R) L parameters.

    The encoder outputs the mean, half the logarithm of d, and W [L, R]. In flexibility and cost it
    lies between `DiagonalNormal` (R = 0) and `FullNormal`.

    Args:
        latent_dim: L.
        rank: R, from 1 to L.

    Raises:
        ConfigError: The rank is out of range.

    Source:
        Gaussian Variational Approximation with a Factor Covariance Structure (Ong, Nott & Smith,
        2018), https://arxiv.org/abs/1701.03208

    Example:
        >>> import torch
        >>> q = LowRankNormal(4, rank=2)(torch.ones(5, 16))
        >>> q.batch_shape, q.event_shape
        (torch.Size([5]), torch.Size([4]))
    """

    def __init__(self, latent_dim: int, *, rank: int = 2) -> None:
        super().__init__(latent_dim)
        latent_dim, rank = self.latent_dim, as_size(rank, "rank", "LowRankNormal", at_least=0)
        if not 1 <= rank <= latent_dim:
            raise ConfigError(
                f"LowRankNormal got rank={rank} for latent_dim={latent_dim}; it needs 1 to "
                f"{latent_dim} (DiagonalNormal is the one of rank 0)"
            )
        self.rank = rank
        self.num_parameters = (2 + rank) * latent_dim

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        return cls(latent_dim, rank=1)

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        size = self.latent_dim
        loc, log_scale, factor = params.split([size, size, self.rank * size], dim=-1)
        return dist.LowRankMultivariateNormal(
            loc,
            factor.unflatten(-1, (size, self.rank)),
            (2 * log_scale).exp(),
            validate_args=False,
        )

    def extra_repr(self) -> str:
        return f"rank={self.rank}"
