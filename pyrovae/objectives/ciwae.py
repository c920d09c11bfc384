"""Convex combination of the ELBO and the importance-weighted bound."""

from typing import Self, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError
from ..math import log_mean_exp
from ..particles import Particles
from .base import ParticleELBO
from .constructor import Drawing
from .path import PathELBO


class CIWAE(ParticleELBO):
    r"""Convex combination of the ELBO and the importance-weighted bound.

    In nats per datum, :math:`\beta\,\mathrm{ELBO} + (1 - \beta)\,\mathrm{IWAE}_K`.

    Args:
        beta: Share of the ELBO, between 0 and 1: the larger, the looser the bound and the less
            noisy its gradient to the guide.
        num_particles: Particles per datum, K >= 1, which serve both.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `beta` is not between 0 and 1.

    Source:
        Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), sec. 4,
        https://arxiv.org/abs/1802.04537

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> bound = CIWAE(beta=0.5, num_particles=8).per_datum(oracle.model, oracle.guide, x)
    """

    def __init__(self, beta: float, num_particles: int = 2, **drawing: Unpack[Drawing]) -> None:
        if not 0 <= beta <= 1:
            raise ConfigError(
                f"{type(self).__name__} got beta={beta}, needs 0 <= beta <= 1: it is the share of "
                "the ELBO; for a weight on the KL use objectives.Beta"
            )
        super().__init__(num_particles, **drawing)
        self.beta = beta

    @classmethod
    def example(cls) -> Self:
        return cls(beta=0.3, num_particles=3)

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        if self.beta == 0:
            return log_mean_exp(p.log_w)  # a weight of zero has no finite log
        return self.beta * p.log_w.mean(0) + (1 - self.beta) * log_mean_exp(p.log_w)


class DReGCIWAE(PathELBO, CIWAE):
    """`CIWAE` with the doubly reparameterised gradient, of equal mean and less noise.

    Args:
        beta: Share of the ELBO, between 0 and 1.
        num_particles: Particles per datum, K >= 1, which serve both.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `beta` is not between 0 and 1.
        ReparamError: A site of the guide has no reparameterised sampler.

    Source:
        Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (Tucker et al.,
        2019), eq. 8, https://arxiv.org/abs/1810.04152

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> DReGCIWAE(beta=0.5, num_particles=8)(oracle.model, oracle.guide)(x).backward()
    """

    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        share, each = torch.softmax(p.log_w, 0), self.beta / p.num_particles
        return each + (1 - self.beta) * share, each + (1 - self.beta) * share**2
