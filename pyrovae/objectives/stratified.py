"""Bounds whose particles are assigned to the strata of a guide."""

import math
from abc import ABC
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..distributions.labelled_categorical import LabelledCategorical
from ..distributions.normal_mixture import NormalMixture
from ..distributions.strata import StratifiedAssignment, stratified
from ..errors import ConfigError, PlateError
from ..math import log_mean_exp
from ..particles import Particles
from ..particles.particles import ScaleUse
from ..particles.site import Site
from ..particles.tracing import Program
from .base import ParticleELBO


class AssignsStrata(ParticleELBO, ABC):
    """Base of the estimators that assign their particles to the strata of the guide.

    Strata are the components of a `NormalMixture`, and the values of a discrete site that is
    marked `infer={"enumerate": "parallel"}`.
    """

    def log_shares(self, p: Particles) -> Tensor | float:
        """Log-weights of the strata [K, B]; 0 where no site of the guide has any.

        Raises:
            PlateError: A site with strata is inside a further plate.
            ConfigError: The particles are drawn one by one, or in chunks.
        """
        sites = _with_strata(p)
        if not sites:
            return 0.0
        if self.particle_chunk or p.are_one_by_one:
            way_out = "leave vectorize_particles=True and draw no chunks"
            if self._known and self._known.refusal:
                way_out = f"the pair cannot ({self._known.refusal}): wrap its networks in "
                way_out += "pyrovae.nn.OneBatchAxis"
            raise ConfigError(
                f"{type(self).__name__} assigns its particles to the strata of "
                f"'{sites[0].name}' along their axis, all at once; {way_out}, or use ELBO or IWAE"
            )
        # The same assignment as in drawing, since it follows the order of the guide's sites.
        assignment = StratifiedAssignment(p.num_particles)
        return sum(_log_share(site.scaled(False), p, assignment) for site in sites)

    def _score(self, p: Particles) -> Tensor | None:
        """Of the sites without strata, which alone are drawn by chance."""
        assigned = {site.name for site in _with_strata(p)}
        drawn = {name: site for name, site in p.guide_sites.items() if name not in assigned}
        return super()._score(replace(p, guide_sites=drawn))

    def _draw(
        self,
        depth: int | None,
        scales: ScaleUse,
        model: Program,
        guide: Program,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Particles:
        if self.particle_chunk or not self._one_pass:
            p = super()._draw(depth, scales, model, guide, args, kwargs)
            self.log_shares(p)  # refuses them where there are strata
            return p
        with stratified(self.num_particles):
            return super()._draw(depth, scales, model, guide, args, kwargs)


class StratifiedELBO(AssignsStrata):
    r"""ELBO whose particles cover each component of a mixture guide, or value of a discrete site.

    In nats per datum, :math:`\sum_c \pi_c E_{q_c}[\log w]`. Its value is the ELBO's, with less
    noise: each of the C components of a mixture, or values of a
    discrete site marked `infer={"enumerate": "parallel"}`, gets K / C particles, and its
    probability counts exactly, with its exact gradient. Where several sites have strata, C is the
    number of their combinations. With a guide that has none it is `ELBO`.

    Args:
        num_particles: K, a multiple of C.

    Raises:
        ShapeError: The particles do not fill the strata evenly.
        PlateError: A site with strata is inside a further plate.
        ConfigError: The particles are to be drawn one by one, or in chunks.

    Source:
        Automatic Differentiation Variational Inference with Mixture Models (Morningstar et al.,
        2021), sec. 3, https://arxiv.org/abs/2003.01687

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> StratifiedELBO(num_particles=4)(oracle.model, oracle.guide)(x).backward()
    """

    @property
    def is_linear(self) -> bool:
        """Like the ELBO."""
        return True

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        shares = self.log_shares(p)
        return (p.log_w if isinstance(shares, float) else shares.exp() * p.log_w).mean(0)


class StratifiedIWAE(AssignsStrata):
    r"""Importance-weighted bound whose particles cover the strata as in `StratifiedELBO`.

    In nats per datum, :math:`\log \sum_c \pi_c \frac1T \sum_t w_{ct}`. A lower bound on log p(x),
    at least as tight as IWAE's with T particles on average, since the strata always cover every
    mode of the guide; a discrete latent is summed out exactly. Strata are as in `StratifiedELBO`.
    With a guide that has none it is `IWAE`.

    Args:
        num_particles: K = C T, a multiple of C.

    Raises:
        ShapeError: The particles do not fill the strata evenly.
        PlateError: A site with strata is inside a further plate.
        ConfigError: The particles are to be drawn one by one, or in chunks.

    Source:
        Automatic Differentiation Variational Inference with Mixture Models (Morningstar et al.,
        2021), eq. 8 (SIWAE), https://arxiv.org/abs/2003.01687

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> StratifiedIWAE(num_particles=4)(oracle.model, oracle.guide)(x).backward()
    """

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_mean_exp(p.log_w + self.log_shares(p), dim=0)


def _with_strata(p: Particles) -> list[Site]:
    sites = p.guide_sites.values()
    return [s for s in sites if s.is_enumerable or isinstance(s.distributions[0], NormalMixture)]


def _log_share(site: Site, p: Particles, assignment: StratifiedAssignment) -> Tensor:
    """Log of what each particle counts for by its stratum of one site [K, B]."""
    fn = site.distributions[0]
    if fn.batch_shape.numel() != p.num_particles * p.batch_size:
        raise PlateError(
            f"strata are for sites that are drawn once per datum, and '{site.name}' has the batch "
            f"shape {list(fn.batch_shape)}; keep it in the plate over data alone, or use ELBO or "
            "IWAE"
        )
    if isinstance(fn, NormalMixture):
        return site.collect([fn.log_shares(assignment)])
    count = len(fn.enumerate_support(expand=False))
    assignment.assign(count)
    own = site.log_prob + math.log(count)
    if isinstance(fn, LabelledCategorical):
        is_known = site.collect([fn.is_known.to(own.dtype)])
        own = torch.where(is_known > 0, 0.0, own)
    return own
