"""Importance-weighted bound."""

from torch import Tensor

from ..math import log_mean_exp
from ..particles import Particles
from .base import ParticleELBO


class IWAE(ParticleELBO):
    r"""Importance-weighted bound of K particles.

    In nats per datum, :math:`\log\frac1K\sum_k w_k`. Never loosens in expectation as
    `num_particles` grows; at one it is the ELBO. The gradient of the guide gets relatively noisier
    as K grows (Rainforth et al., 2018).

    Args:
        num_particles: Particles per datum, K >= 1. Memory grows linearly.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ShapeError: A site has batch dims left of the particle axis.

    Source:
        Importance Weighted Autoencoders (Burda et al., 2016), sec. 3,
        https://arxiv.org/abs/1509.00519

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> loss = IWAE(num_particles=5)(oracle.model, oracle.guide)
        >>> loss(x).backward()
    """

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_mean_exp(p.log_w, dim=0)
