"""Variational Renyi bound."""

from typing import Self, Unpack

from .constructor import Drawing
from .renyi_bound import RenyiBound


class Renyi(RenyiBound):
    r"""Renyi bound of any order, stable through alpha = 1.

    In nats per datum, :math:`\frac{1}{1-\alpha}\log\frac1K\sum_k w_k^{1-\alpha}`. At alpha = 1 it
    is the ELBO, at 0 the importance-weighted bound; negative alpha leads to estimates above log
    p(x), which K -> infinity may not even bound (the integral can diverge). With finite K its
    value is biased towards the ELBO.

    Args:
        alpha: Order; any real number.
        num_particles: Particles per datum, K >= 1. At one, every order gives the ELBO.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `alpha` is not finite.

    Source:
        Renyi Divergence Variational Inference (Li & Turner, 2016), eq. 13,
        https://arxiv.org/abs/1602.02311

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> bound = Renyi(alpha=0.5, num_particles=8).per_datum(oracle.model, oracle.guide, x)
    """

    def __init__(self, alpha: float, num_particles: int = 2, **drawing: Unpack[Drawing]) -> None:
        super().__init__(num_particles, alpha, **drawing)

    @classmethod
    def example(cls) -> Self:
        return cls(alpha=0.5, num_particles=3)
