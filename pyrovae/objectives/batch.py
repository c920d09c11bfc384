"""Bounds with a term of the whole batch."""

from abc import ABC, abstractmethod
from typing import Unpack

from torch import Tensor

from ..errors import PlateError, ScaleError, SiteError
from ..particles import Particles
from ..particles.kl import site_kl
from .base import ParticleELBO
from .constructor import Drawing


class BatchOptions(Drawing, total=False):
    """Options of every estimator with a term of the whole batch; see `BatchELBO`."""

    site: str | None
    closed_form_kl: bool


class BatchELBO(ParticleELBO, ABC):
    r"""Base of bounds with a term T of the whole batch, :math:`\frac1B\sum_i b_i + T` per datum.

    `bound` is b_i + T for every datum i, so that the sum over the batch is B times what the
    published objective has per datum, as for every other estimator. T estimates a property of the
    aggregate q(z) of all data from one batch, so its value depends on the size of the batch. Of
    several ranks each computes T of its own rows.

    Args:
        num_particles: Particles per datum, K >= 1; the bound is their mean.
        site: The latent that the term is about; by default the first that the guide draws and
            that is no class or code. Other latents have their KL, with weight one.
        closed_form_kl: Use the closed-form KL at each site that has one (`pyrovae.kl_routes`).
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.
    """

    def __init__(
        self,
        num_particles: int = 1,
        *,
        site: str | None = None,
        closed_form_kl: bool = True,
        **drawing: Unpack[Drawing],
    ) -> None:
        super().__init__(num_particles, **drawing)
        self.site = site
        self.closed_form_kl = closed_form_kl

    @abstractmethod
    def own(self, p: Particles) -> Tensor:
        """The part b of each draw alone [K, B], in nats."""

    def shared(self, p: Particles) -> Tensor | float:
        """The term T of the batch, a scalar in nats per datum."""
        return 0.0

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return self.own(p).mean(0) + self.shared(p)

    def credit(self, p: Particles, bound: Tensor) -> Tensor:
        """The draw's own part, and the term of the whole batch, which depends on it too."""
        if isinstance(p.scale, Tensor) and p.scale.dim() > 0:
            raise ScaleError(
                f"{type(self).__name__} has a term of the whole batch, which the score of a draw "
                "without a reparameterised sampler is multiplied by, and here every datum has a "
                "scale of its own; scale the pair by one number"
            )
        return self.own(p) / p.num_particles + p.batch_size * self.shared(p)

    def latent(self, p: Particles) -> str:
        """Name of the latent that the term is about.

        Raises:
            SiteError: There is none of that name.
            PlateError: The pair has no batch.
        """
        if self.batch_plate is None:
            raise PlateError(
                f"{type(self).__name__} compares the data of a batch, and batch_plate=None asks "
                "for one joint bound over all of them; enclose the pair in a plate over data"
            )
        latents = [n for n in latents_of(p) if p.guide_sites[n].value.is_floating_point()]
        if not latents or (self.site is not None and self.site not in latents):
            raise SiteError(
                f"{type(self).__name__} got site={self.site!r}, and the latents of the pair that "
                f"are no classes or codes are {latents}; name one of them"
            )
        return latents[0] if self.site is None else self.site

    def kl(self, p: Particles, *, but: str | None = None) -> Tensor:
        """KL of all sites of the guide, or of all but one [K, B]."""
        total = p.log_lik.new_zeros(())
        for name in p.guide_sites:
            if name != but:
                total = total + site_kl(p, name, closed_form=self.closed_form_kl).value
        return total


def latents_of(p: Particles) -> list[str]:
    """Sites that guide and model both draw, in the order of the guide."""
    return [name for name, site in p.guide_sites.items() if site.is_latent]
