"""Base of the posteriors of sequences."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ...nn.sizes import as_size


class StepPosterior(nn.Module, ABC):
    """Gives q(z|x) with event shape [T, L] from `num_parameters` outputs of an encoder a step.

    Args:
        latent_dim: L.

    Attributes:
        num_parameters: Number of outputs of the encoder per step, P.
    """

    num_parameters: int

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = as_size(latent_dim, "latent_dim", type(self).__name__)

    @abstractmethod
    def forward(self, params: Tensor, inside: Tensor | None = None) -> dist.TorchDistribution:
        """The distribution q(z|x), batch shape [B], event shape [T, L].

        Args:
            params: Outputs of the encoder [B, T, P].
            inside: Which steps belong to the sequence, bool [B, T]; None: all. The others are
                independent standard normals, as they are in the prior.
        """

    @abstractmethod
    def step(self, params: Tensor, previous: Tensor | None) -> dist.TorchDistribution:
        """q(z_t | z_(t-1), x) of one step, event shape [L].

        Args:
            params: Outputs of the encoder for this step [B, P].
            previous: z_(t-1) [..., B, L]; None for the first step.
        """

    def propose(
        self, params: Tensor, carried: Tensor | None, num_particles: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw one step for K particles, as a particle filter does.

        Args:
            params: Outputs of the encoder for this step [B, P].
            carried: What the step before handed on [K, B, L]; None for the first step.
            num_particles: K.

        Returns:
            z_t [K, B, L], its log-density [K, B], and what the next step needs [K, B, L].
        """
        q = self.step(params, carried)
        z = q.expand(torch.Size((num_particles, len(params)))).sample()
        return z, q.log_prob(z), z


StepPosteriorFactory = Callable[[int], StepPosterior]
"""Builds a posterior of sequences for a latent dimension: its class, or a partial of it."""
