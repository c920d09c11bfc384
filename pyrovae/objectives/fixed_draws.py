"""Estimators whose gradient goes through log-densities, and not through the draws."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from ..errors import SiteError
from ..particles import Particles
from ..particles.particles import ScaleUse
from ..particles.tracing import Program
from .base import ParticleELBO


class FixedDrawsELBO(ParticleELBO, ABC):
    """Base of the estimators whose gradient goes through log-densities, not through the draws.

    Sites with and without a reparameterised sampler are treated alike. A subclass implements
    `bound` and `weights`. The guide must be able to score any value of its latents.
    """

    latents = "any; flows with an inverse"

    follows_bound = False
    _fixed_latents = True

    @abstractmethod
    def weights(self, p: Particles) -> tuple[Tensor | None, Tensor]:
        """Factors of the gradients of log p(x, z) and of log q(z|x), each [K, B].

        Need not be differentiable. None leaves the model as it is.
        """

    def surrogate(self, p: Particles) -> Tensor:
        log_joint, log_q = p.log_lik + p.log_prior, p.log_q  # before the gradient is off
        with torch.no_grad():
            bound = self.bound(p)
            of_model, of_guide = self.weights(p)
        terms = of_guide * log_q
        if of_model is not None:
            terms = terms + of_model * log_joint
        total = terms.sum(0)
        return bound + (total - total.detach())

    def admit(self, p: Particles) -> Particles:
        """The particles, unless the guide cannot score them.

        Raises:
            SiteError: It cannot.
        """
        for name, site in super().admit(p).guide_sites.items():
            try:
                _ = site.log_prob
            except (KeyError, NotImplementedError) as error:
                raise self._cannot_score(f"site '{name}'", error) from error
        return p

    def _draw(
        self,
        depth: int | None,
        scales: ScaleUse,
        model: Program,
        guide: Program,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Particles:
        try:
            return super()._draw(depth, scales, model, guide, args, kwargs)
        except (KeyError, NotImplementedError) as error:
            if self.particle_chunk is None:  # in chunks, what is drawn is scored at once
                raise
            raise self._cannot_score("a site", error) from error

    def _cannot_score(self, site: str, error: Exception) -> SiteError:
        return SiteError(
            f"{type(self).__name__} scores given values under the guide, and {site} cannot score "
            f"any but its own draws ({error}); use a flow with an inverse, or objectives.IWAE"
        )
