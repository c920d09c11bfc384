"""Sticking the landing: the gradient without the guide's score."""

from typing import Unpack

from torch import Tensor

from ..math import power_weights
from ..particles import Particles
from .constructor import Drawing
from .path import PathELBO
from .renyi_bound import RenyiBound


class STL(PathELBO, RenyiBound):
    r"""ELBO, or Renyi bound, whose gradient to the guide leaves out the guide's score.

    In nats per datum. The score of the ELBO has mean zero, so that this is its gradient, and one
    without variance where the guide is the exact posterior. The score of an importance-weighted
    bound has not: for alpha other than one and K > 1 the gradient to the guide is biased (`DReG`
    is not).

    Args:
        num_particles: Particles per datum, K >= 1.
        alpha: Order of the bound: 1 is the ELBO, 0 the importance-weighted bound.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `alpha` is not finite.
        ReparamError: A site of the guide has no reparameterised sampler.

    Source:
        Sticking the Landing (Roeder, Wu & Duvenaud, 2017), eq. 8 and sec. 4,
        https://arxiv.org/abs/1703.09194

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> STL(num_particles=4)(oracle.model, oracle.guide)(x).backward()
    """

    def __init__(
        self, num_particles: int = 1, alpha: float = 1.0, **drawing: Unpack[Drawing]
    ) -> None:
        super().__init__(num_particles, alpha, **drawing)

    @property
    def is_linear(self) -> bool:
        """At alpha = 1, where it is the ELBO."""
        return self.alpha == 1

    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        w = power_weights(p.log_w, 1 - self.alpha)
        return w, w
