"""Normal with a full covariance."""

from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from .base import Posterior


class FullNormal(Posterior):
    """Normal with a full covariance: L + L (L + 1) / 2 parameters.

    The encoder outputs the mean, the logarithm of the diagonal of the Cholesky factor, and the
    elements left of it in units of diagonal / sqrt(L). So the diagonal scales a whole row, and the
    initial width does not grow with L. It may also give a torch `MultivariateNormal`.

    Source:
        An Introduction to Variational Autoencoders (Kingma & Welling, 2019), sec. 2.5.1,
        https://arxiv.org/abs/1906.02691

    Example:
        >>> FullNormal(3)(torch.zeros(5, 9)).covariance_matrix.shape
        torch.Size([5, 3, 3])
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        latent_dim = self.latent_dim
        self.num_parameters = latent_dim + latent_dim * (latent_dim + 1) // 2
        rows, columns = torch.tril_indices(latent_dim, latent_dim, offset=-1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        loc, log_diagonal, below = self._split(params)
        unit = params.new_zeros((*params.shape[:-1], self.latent_dim, self.latent_dim))
        unit[..., self.rows, self.columns] = below * self.latent_dim**-0.5
        diagonal = log_diagonal.exp()
        factor = diagonal.unsqueeze(-1) * unit + torch.diag_embed(diagonal)
        return dist.MultivariateNormal(loc, scale_tril=factor, validate_args=False)

    def read(self, output: Any, role: str, check: Callable[[Tensor], None]) -> Tensor:  # noqa: ANN401
        if not isinstance(output, MultivariateNormal):
            return super().read(output, role, check)
        factor = output.scale_tril
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        below = (factor / diagonal.unsqueeze(-1))[..., self.rows, self.columns]
        return torch.cat([output.loc, diagonal.log(), below * self.latent_dim**0.5], -1)

    def placed(self, params: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        q = self(params)
        z = q.loc + (q.scale_tril @ noise.unsqueeze(1).unsqueeze(-1)).squeeze(-1)
        return z, q.log_prob(z)

    def natural(self, params: Tensor, gradient: Tensor) -> Tensor:
        """The inverse Fisher information times the gradient.

        S S^T g for the mean, S Phi(S^T G) for the factor S, G being the gradient by S. Phi keeps
        the lower triangle and halves the diagonal.
        """
        _, _, below = self._split(params)
        by_loc, by_log_diagonal, by_below = self._split(gradient)
        factor = self(params).scale_tril
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        by_factor = torch.zeros_like(factor)
        by_factor[..., self.rows, self.columns] = by_below * self.latent_dim**0.5
        by_factor = by_factor / diagonal.unsqueeze(-1)
        own = by_log_diagonal - (by_factor * factor).sum(-1)
        by_factor = by_factor + torch.diag_embed(own / diagonal)
        inner = (factor.mT @ by_factor).tril()
        inner = inner - torch.diag_embed(inner.diagonal(dim1=-2, dim2=-1) / 2)
        step = (factor @ inner) / diagonal.unsqueeze(-1)
        log_diagonal = step.diagonal(dim1=-2, dim2=-1)
        loc = (factor @ (factor.mT @ by_loc.unsqueeze(-1))).squeeze(-1)
        unit = step[..., self.rows, self.columns] * self.latent_dim**0.5
        unit = unit - below * log_diagonal[..., self.rows]
        return torch.cat([loc, log_diagonal, unit], dim=-1)

    def _split(self, params: Tensor) -> tuple[Tensor, ...]:
        size = self.latent_dim
        return params.split([size, size, self.num_parameters - 2 * size], dim=-1)
