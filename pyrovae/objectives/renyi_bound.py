"""The Renyi bound, which several estimators share."""

from abc import ABC
from typing import Unpack

from torch import Tensor

from ..math import log_power_mean
from ..particles import Particles
from .base import ParticleELBO
from .constructor import Drawing
from .options import check_finite


class RenyiBound(ParticleELBO, ABC):
    """Base of the estimators of a Renyi bound.

    Args:
        num_particles: Particles per datum, K >= 1.
        alpha: Order: 1 is the ELBO, 0 the importance-weighted bound.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `alpha` is not finite.
    """

    def __init__(self, num_particles: int, alpha: float, **drawing: Unpack[Drawing]) -> None:
        super().__init__(num_particles, **drawing)
        check_finite(self, "in the limit of minus infinity use objectives.VRMax", alpha=alpha)
        self.alpha = alpha

    @property
    def is_lower_bound(self) -> bool:
        """From alpha = 0 on: below, weights count by a power above one."""
        return self.alpha >= 0

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_power_mean(p.log_w, 1 - self.alpha)
