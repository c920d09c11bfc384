"""Bounds that are linear in the log-densities."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from ..particles import Particles
from ..particles.kl import SiteKL
from ..particles.site import Site
from .base import ParticleELBO

Summand = tuple[Tensor, Mapping[str, int]]
"""A part of a bound with all its plates kept [K, ..., B, ...], and their dims by name."""


class LinearELBO(ParticleELBO, ABC):
    """Base of bounds that are a sum over sites, so that each site keeps its own scale.

    The score of a latent without a reparameterised sampler is multiplied by the parts of the
    bound that share its plates, and by nothing else. For a latent of one datum these are the
    parts of this datum and of the global sites, also where `batch_plate=None` makes one joint
    bound of all data.

    Source:
        Automated Variational Inference in Probabilistic Programming (Wingate & Weber, 2013),
        https://arxiv.org/abs/1301.1299; Rao-Blackwellisation: Black Box Variational Inference
        (Ranganath et al., 2014), sec. 3.1, https://arxiv.org/abs/1401.0118; by plates: as
        `pyro.infer.Trace_ELBO`
    """

    @property
    def is_linear(self) -> bool:
        """A sum over sites."""
        return True

    @abstractmethod
    def summands(self, p: Particles) -> list[Summand]:
        """The parts whose sum over plates and sites is the bound of each particle."""

    def centred(self, costs: list[Tensor]) -> list[Tensor]:
        """Costs of the scores [K, ..., B, ...] minus a baseline that their own draws do not enter.

        By default the mean of the datum's other particles.
        """
        return [_minus_mean_of_others(cost) if len(cost) > 1 else cost for cost in costs]

    def offset(self, site: Site) -> Tensor | float:
        """What is added to the cost of a site's score, [..., B, ...] or a number."""
        return 0.0

    def _score_term(self, p: Particles, bound: Tensor) -> Tensor | None:
        sites = [site for site in p.guide_sites.values() if site.needs_score]
        if not sites:
            return None
        summands = self.summands(p)
        total: Tensor | float = 0.0
        costs = self.centred([_on_plates_of(site, summands).detach() for site in sites])
        for site, cost in zip(sites, costs, strict=True):
            score = site.scaled(False).log_prob_by_plates
            weighted = (cost + self.offset(site)) * score / p.num_particles
            total = total + site.layout.sum_plates(weighted)
        return torch.as_tensor(total).expand(p.num_particles, -1).sum(0)


def of_log_w(p: Particles) -> list[Summand]:
    """The parts of log w = log p(x, z) - log q(z|x)."""
    parts = [of_site(site) for site in p.model_sites.values()]
    return parts + [(-site.log_prob_by_plates, site.plates) for site in p.guide_sites.values()]


def of_site(site: Site) -> Summand:
    """A log-density as a part of a bound."""
    return site.log_prob_by_plates, site.plates


def of_kl(site: Site, kl: SiteKL, weight: Tensor | float = 1.0) -> Summand:
    """A KL, with a weight, as a part of a bound."""
    return -weight * kl.by_plates(), site.plates


def _minus_mean_of_others(terms: Tensor) -> Tensor:
    """Each particle's term minus the mean of the others', K >= 2."""
    num_particles = terms.shape[0]
    return (terms - terms.mean(0)) * (num_particles / (num_particles - 1))


def _on_plates_of(site: Site, summands: list[Summand]) -> Tensor:
    """Sum of the parts of a bound, each summed over the plates that the site is not in."""
    total: Tensor | float = 0.0
    for values, plates in summands:
        others = [dim for name, dim in plates.items() if site.plates.get(name) != dim]
        total = total + (values.sum(others, keepdim=True) if others else values)
    return torch.as_tensor(total)
