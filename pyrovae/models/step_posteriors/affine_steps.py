"""Steps that depend on the step before through an affine map given by the data."""

import pyro.distributions as dist
import torch
from torch import Tensor

from ...distributions.affine_chain import AffineChain
from ..posteriors import FullNormal
from .base import StepPosterior


class AffineSteps(StepPosterior):
    """q(z_t | z_(t-1), x) = N(A_t z_(t-1) + b_t, S_t S_t^T), with A, b and S from the encoder.

    A Gaussian with a dependence between neighbouring states: the exact posterior of every
    linear-Gaussian state-space model has this form. Draws and the moments of each step take a
    scan of log T rounds in the place of a loop over T. It costs L^2 + L + L (L + 1) / 2 outputs of
    the encoder a step, and L^3 operations, so keep L below about 50.

    Source:
        The form: Structured Inference Networks for Nonlinear State Space Models (Krishnan, Shalit
        & Sontag, 2017), sec. 4, https://arxiv.org/abs/1609.09869; the scan: Temporal
        Parallelization of Bayesian Smoothers (Sarkka & Garcia-Fernandez, 2021),
        https://arxiv.org/abs/1905.13002

    Example:
        >>> form = AffineSteps(3)
        >>> q = form(torch.zeros(5, 7, form.num_parameters))
        >>> q.mean.shape
        torch.Size([5, 7, 3])
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.noise = FullNormal(self.latent_dim)
        self.num_parameters = self.noise.num_parameters + self.latent_dim**2

    def forward(self, params: Tensor, inside: Tensor | None = None) -> dist.TorchDistribution:
        weight, offset, factor = self._parts(params)
        if inside is not None:
            known = inside.unsqueeze(-1)
            offset = torch.where(known, offset, 0.0)
            weight = torch.where(known.unsqueeze(-1), weight, 0.0)
            eye = torch.eye(self.latent_dim, dtype=factor.dtype, device=factor.device)
            factor = torch.where(known.unsqueeze(-1), factor, eye)
        return AffineChain(weight, offset, factor)

    def step(self, params: Tensor, previous: Tensor | None) -> dist.TorchDistribution:
        weight, loc, factor = self._parts(params)
        if previous is not None:
            loc = loc + (weight @ previous.unsqueeze(-1)).squeeze(-1)
        return dist.MultivariateNormal(loc, scale_tril=factor, validate_args=False)

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        own, weight = params.split([self.noise.num_parameters, self.latent_dim**2], -1)
        noise = self.noise(own)
        return (
            weight.unflatten(-1, (self.latent_dim, self.latent_dim)),
            noise.loc,
            noise.scale_tril,
        )
