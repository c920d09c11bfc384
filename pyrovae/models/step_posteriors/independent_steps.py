"""Steps that are independent given the data."""

import pyro.distributions as dist
import torch
from torch import Tensor

from .base import StepPosterior


class IndependentSteps(StepPosterior):
    """q(z|x) = prod_t N(z_t; m_t, diag(s_t^2)): 2 L outputs a step; drawn without a loop.

    The simplest, with the encoder's `direction="both"`. It cannot say that neighbouring states
    depend on each other given the data, so that its bound is below that of `AffineSteps`.

    Source:
        Structured Inference Networks for Nonlinear State Space Models (Krishnan, Shalit & Sontag,
        2017), table 1: MF-LR, https://arxiv.org/abs/1609.09869

    Example:
        >>> IndependentSteps(3)(torch.zeros(5, 7, 6)).event_shape
        torch.Size([7, 3])
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.num_parameters = 2 * self.latent_dim

    def forward(self, params: Tensor, inside: Tensor | None = None) -> dist.TorchDistribution:
        loc, log_scale = params.chunk(2, -1)
        if inside is not None:
            known = inside.unsqueeze(-1)
            loc, log_scale = torch.where(known, loc, 0.0), torch.where(known, log_scale, 0.0)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(2)

    def step(self, params: Tensor, previous: Tensor | None) -> dist.TorchDistribution:
        loc, log_scale = params.chunk(2, -1)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(1)
