"""Log-weight of the best particle."""

from torch import Tensor

from ..particles import Particles
from .base import ParticleELBO


class VRMax(ParticleELBO):
    r"""Largest log importance weight: the limit of the Renyi bound.

    In nats per datum, :math:`\max_k \log w_k`, the Renyi bound in the limit alpha -> minus
    infinity. It is not a bound on log p(x). It lies above the importance-weighted bound by at most
    log K, and growing with K without end where weights are unbounded. Only the best particle
    receives a gradient, its score included: which particle wins depends on the draws, so that
    leaving out the score would bias it.

    Args:
        num_particles: Particles per datum, K >= 1; at one it is the ELBO.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Source:
        Renyi Divergence Variational Inference (Li & Turner, 2016), sec. 4.2,
        https://arxiv.org/abs/1602.02311

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> bound = VRMax(num_particles=8).per_datum(oracle.model, oracle.guide, x)
    """

    is_lower_bound = False

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return p.log_w.amax(0)
