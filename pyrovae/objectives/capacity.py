"""Evidence lower bound whose KL is held at a given number of nats."""

from typing import Self, Unpack

from torch import Tensor

from ..particles import Particles
from .batch import BatchELBO
from .constructor import Drawing
from .options import Weight, check_weights


class Capacity(BatchELBO):
    r"""ELBO whose KL is held at a capacity that a schedule raises.

    In nats per datum, :math:`E_q[\log p(x|z)] - \gamma\,|\mathrm{KL} - C|`. The KL is that of all
    latents, a mean over batch and particles: the batch has the capacity together, and a datum may
    take more of it than another. C grows in the course of the run: give a tensor, and write into
    it (`pyrovae.train.Anneal`).

    Args:
        capacity: C, nats per datum.
        gamma: Weight of the KL's distance from C, nats per nat.
        num_particles: Particles per datum, K >= 1.
        closed_form_kl: Use the closed-form KL at each site that has one (`pyrovae.kl_routes`). A
            KL that is sampled with few draws ends up below C, since its noise counts as distance.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: A number is negative or not finite (a tensor is not checked).

    Source:
        Understanding disentangling in beta-VAE (Burgess et al., 2018), eq. 8,
        https://arxiv.org/abs/1804.03599; there C grows from 0 to 25 with gamma = 1000

    Example:
        >>> import torch
        >>> from pyrovae.train import Anneal
        >>> capacity = torch.tensor(0.0)
        >>> objective = Capacity(capacity, gamma=100.0)
        >>> growth = Anneal(capacity, 0.0, 25.0, fraction=0.8)  # fit(..., callbacks=[growth])
    """

    def __init__(
        self,
        capacity: Weight,
        gamma: Weight = 1000.0,
        num_particles: int = 1,
        *,
        closed_form_kl: bool = True,
        **drawing: Unpack[Drawing],
    ) -> None:
        check_weights(self, capacity=capacity, gamma=gamma)
        super().__init__(num_particles, closed_form_kl=closed_form_kl, **drawing)
        self.capacity = capacity
        self.gamma = gamma

    @classmethod
    def example(cls) -> Self:
        return cls(capacity=2.0, gamma=3.0, num_particles=2)

    @property
    def is_lower_bound(self) -> bool:
        """Whether there is no capacity for free, and the KL counts whole."""
        return float(self.capacity) == 0 and float(self.gamma) >= 1

    def own(self, p: Particles) -> Tensor:
        return p.log_lik

    def shared(self, p: Particles) -> Tensor:
        return -self.gamma * (self.kl(p).mean() - self.capacity).abs()
