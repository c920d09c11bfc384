"""Variational Renyi bound."""

from torch import Tensor

from ..math import log_power_mean
from ..particles import Particles
from .base import ParticleELBO
from .options import check_finite


class Renyi(ParticleELBO):
    r"""Renyi bound :math:`\frac{1}{1-\alpha}\log\frac1K\sum_k w_k^{1-\alpha}`, nats per datum.

    At alpha = 1 it is the ELBO, at 0 the importance-weighted bound; negative alpha leads to
    estimates above log p(x), which K -> infinity may not even bound (the integral can diverge).
    With finite K its value is biased towards the ELBO.

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

    def __init__(
        self,
        alpha: float,
        num_particles: int = 2,
        *,
        vectorize_particles: bool = True,
        batch_plate: str | None = "auto",
        max_plate_nesting: int | None = None,
    ) -> None:
        super().__init__(
            num_particles,
            vectorize_particles=vectorize_particles,
            batch_plate=batch_plate,
            max_plate_nesting=max_plate_nesting,
        )
        check_finite(self, "in the limit of minus infinity use objectives.VRMax", alpha=alpha)
        self.alpha = alpha

    @property
    def is_lower_bound(self) -> bool:
        """From alpha = 0 on: below, weights count by a power above one."""
        return self.alpha >= 0

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_power_mean(p.log_w, 1 - self.alpha)
