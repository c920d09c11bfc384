"""Doubly reparameterised gradient of the importance-weighted and Renyi bounds."""

from torch import Tensor

from ..math import log_power_mean, power_weights
from ..particles import Particles
from .options import check_finite
from .path import PathELBO


class DReG(PathELBO):
    r"""Importance-weighted bound with a doubly reparameterised gradient, in nats per datum.

    The value and the mean of the gradient are those of `IWAE` (of `Renyi` with an alpha), whose
    gradient to the guide drowns in noise as K grows, and this one does not. At one particle, and
    at alpha = 1, it is `STL`.

    Args:
        num_particles: Particles per datum, K >= 1.
        alpha: Order of the Renyi bound; 0 is the importance-weighted bound.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `alpha` is not finite.
        ReparamError: A site of the guide has no reparameterised sampler.

    Source:
        Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (Tucker et al.,
        2019), eq. 8, https://arxiv.org/abs/1810.04152; with an order: derived likewise

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> DReG(num_particles=5)(oracle.model, oracle.guide)(x).backward()
    """

    def __init__(
        self,
        num_particles: int = 1,
        alpha: float = 0.0,
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
    def is_linear(self) -> bool:
        """At alpha = 1, where it is the ELBO."""
        return self.alpha == 1

    @property
    def is_lower_bound(self) -> bool:
        """From alpha = 0 on: below, weights count by a power above one."""
        return self.alpha >= 0

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_power_mean(p.log_w, 1 - self.alpha)

    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        w = power_weights(p.log_w, 1 - self.alpha)
        return w, self.alpha * w + (1 - self.alpha) * w**2
