"""Weighted draws from a guide, with the log-densities [K, B] that estimators see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from .joined_site import JoinedSite
from .scales import Scales
from .site import Site

ScaleUse = Literal["common", "own", "ignored"]
"""How the scales of a pair's sites are used: see `pyrovae.draw`."""


@dataclass(frozen=True)
class Particles:
    """K weighted draws from a guide for each of B data, with the log-densities of every site.

    Attributes:
        model_sites: Sample sites of the model by name, in the order of its program.
        guide_sites: Sample sites of the guide likewise.
        model_parameters: Unconstrained leaves that the model declared, by Pyro's name.
        guide_parameters: Likewise for the guide.
        scales: What Pyro multiplies the sites by (N/B of a subsampled plate, `poutine.scale`).
        num_particles: K.
        batch_size: B; 1 for a joint bound.
        global_model_sites: Sites of the model outside a plate over data that was named, drawn once
            for all data and particles; of the sums below only those named global include them.
        global_guide_sites: Likewise of the guide.
        penalties: Terms that the guide adds to the loss, by name, outside the bound: see
            `pyrovae.penalty`.
    """

    model_sites: Mapping[str, Site]
    guide_sites: Mapping[str, Site]
    model_parameters: Mapping[str, Tensor]
    guide_parameters: Mapping[str, Tensor]
    scales: Scales
    num_particles: int
    batch_size: int
    penalties: Mapping[str, Site] = field(default_factory=dict)
    global_model_sites: Mapping[str, Site] = field(default_factory=dict)
    global_guide_sites: Mapping[str, Site] = field(default_factory=dict)

    @property
    def scale(self) -> float | Tensor:
        """Common factor of the whole pair: a number, a scalar tensor or one weight per datum [B].

        No log-density here is multiplied by it, unless by its own scale: see `scaled`.

        Raises:
            ScaleError: The sites are scaled unequally.
        """
        return self.scales.common

    @property
    def data_scale(self) -> float | Tensor:
        """The scale of the observed sites, by which the loss of a batch grows with its data.

        1.0 where they have none in common.
        """
        observed = [site.scales[0] for site in self.model_sites.values() if site.is_observed]
        return self.scales.common_of(observed)

    def scaled(self) -> "Particles":
        """The same particles, each log-density multiplied by its site's own scale.

        The common factor is then 1.0. Scales that are all the same number stay as they are.
        """
        if self.scales.is_one_number:
            return self

        def own(sites: Mapping[str, Site]) -> dict[str, Site]:
            return {name: site.scaled() for name, site in sites.items()}

        return replace(
            self,
            model_sites=own(self.model_sites),
            guide_sites=own(self.guide_sites),
            penalties=own(self.penalties),
            scales=self.scales.ones(),
        )

    @cached_property
    def log_lik(self) -> Tensor:
        """log p(x|z) [K, B]: the observed sites and factors of the model."""
        return self._sum(s for s in self.model_sites.values() if s.is_observed)

    @cached_property
    def log_prior(self) -> Tensor:
        """log p(z) [K, B]: the latent sites of the model."""
        return self._sum(s for s in self.model_sites.values() if not s.is_observed)

    @cached_property
    def log_q(self) -> Tensor:
        """log q(z|x) [K, B]."""
        return self._sum(self.guide_sites.values())

    @cached_property
    def log_w(self) -> Tensor:
        """Log importance weights log p(x, z) - log q(z|x) [K, B]."""
        return self.log_lik + self.log_prior - self.log_q

    @property
    def are_one_by_one(self) -> bool:
        """Whether each of several particles was drawn in a pass of its own."""
        site = next(iter({**self.model_sites, **self.guide_sites}.values()))
        parts = site.parts if isinstance(site, JoinedSite) else (site,)
        return any(len(part.distributions) > 1 for part in parts)

    @property
    def has_global_sites(self) -> bool:
        """Whether sites are drawn once for all data, so that no datum has a bound of its own."""
        return bool(self.global_model_sites or self.global_guide_sites)

    @property
    def log_global(self) -> Tensor | float:
        """log p - log q of the global sites, each with its own scale: a scalar, nats."""
        return self.log_global_prior - self.log_global_q

    @property
    def log_global_prior(self) -> Tensor | float:
        """log p of the global sites, scaled: a scalar, nats."""
        return _scaled_sum(self.global_model_sites)

    @property
    def log_global_q(self) -> Tensor | float:
        """log q of the global sites, scaled: a scalar, nats."""
        return _scaled_sum(self.global_guide_sites)

    @property
    def total_penalty(self) -> Tensor | float:
        """Sum of the penalties over the batch, scaled: a scalar, nats."""
        if not self.penalties:
            return 0.0
        return (self.scale * self._sum(self.penalties.values()).mean(0)).sum()

    @property
    def latents(self) -> dict[str, Tensor]:
        """What the guide drew, by site [K, B, ...]."""
        return {name: site.value for name, site in self.guide_sites.items()}

    def _sum(self, sites: Iterable[Site]) -> Tensor:
        total: Tensor | None = None
        for site in sites:
            total = site.log_prob if total is None else total + site.log_prob
        if total is None:
            some = next(iter({**self.model_sites, **self.guide_sites}.values()))
            total = torch.zeros_like(some.log_prob)
        return total


def _scaled_sum(sites: Mapping[str, Site]) -> Tensor | float:
    total: Tensor | float = 0.0
    for site in sites.values():
        total = total + site.scaled().log_prob.sum()
    return total


def with_scales(p: Particles, use: ScaleUse) -> Particles:
    """The particles with their scales used as `draw` describes.

    Raises:
        ScaleError: One scale is asked for, and there is none.
    """
    if use == "common":
        _ = p.scale
    return p.scaled() if use == "own" else p


def scored(p: Particles) -> Particles:
    """The same particles with all log-densities, and without the observed distributions."""
    by_plates = any(site.needs_score for site in p.guide_sites.values())

    def of(sites: Mapping[str, Site]) -> dict[str, Site]:
        return {name: site.scored(by_plates=by_plates) for name, site in sites.items()}

    return replace(
        p,
        model_sites=of(p.model_sites),
        guide_sites=of(p.guide_sites),
        penalties=of(p.penalties),
    )


def joined(parts: list[Particles]) -> Particles:
    """Particles of the same data, one group after the other."""

    def of_all(groups: list[Mapping[str, Site]]) -> dict[str, Site]:
        return {n: JoinedSite.of(tuple(group[n] for group in groups)) for n in groups[0]}

    return replace(
        parts[0],
        model_sites=of_all([p.model_sites for p in parts]),
        guide_sites=of_all([p.guide_sites for p in parts]),
        penalties=of_all([p.penalties for p in parts]),
        num_particles=sum(p.num_particles for p in parts),
    )
