"""Doubly reparameterised gradient of the importance-weighted and Renyi bounds."""

from typing import Unpack

from torch import Tensor

from ..math import power_weights
from ..particles import Particles
from .constructor import Drawing
from .path import PathELBO
from .renyi_bound import RenyiBound


class DReG(PathELBO, RenyiBound):
    r"""Importance-weighted or Renyi bound with a doubly reparameterised gradient.

    In nats per datum. The value and the mean of the gradient are those of `IWAE` (of `Renyi` with
    an alpha), whose gradient to the guide gets noisier as K grows, and this one does not. At one
    particle, and at alpha = 1, it is `STL`.

    Args:
        num_particles: Particles per datum, K >= 1.
        alpha: Order of the Renyi bound; 0 is the importance-weighted bound.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `alpha` is not finite.
        ReparamError: A site of the guide has no reparameterised sampler.

    Source:
        Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (Tucker et al.,
        2019), eq. 8, https://arxiv.org/abs/1810.04152. The gradient at other orders follows
        likewise

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> DReG(num_particles=5)(oracle.model, oracle.guide)(x).backward()
    """

    def __init__(
        self, num_particles: int = 1, alpha: float = 0.0, **drawing: Unpack[Drawing]
    ) -> None:
        super().__init__(num_particles, alpha, **drawing)

    @property
    def is_linear(self) -> bool:
        """At alpha = 1, where it is the ELBO."""
        return self.alpha == 1

    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        w = power_weights(p.log_w, 1 - self.alpha)
        return w, self.alpha * w + (1 - self.alpha) * w**2
