"""Evidence lower bound with weighted KL terms."""

import math
from collections.abc import Mapping
from typing import Self, Unpack

import torch
from torch import Tensor

from ..distributions.collapsed_categorical import refuse_collapsed
from ..errors import ConfigError, SiteError
from ..particles import Particles
from ..particles.kl import site_kl
from .constructor import Drawing
from .linear import LinearELBO, Summand, of_kl, of_site
from .options import Weight


class Beta(LinearELBO):
    r"""Evidence lower bound with weighted KL by site, schedules and free bits.

    In nats per datum, :math:`E_q[\log p(x|z)] - \sum_i \beta_i\,\mathrm{KL}_i`. A bound on log
    p(x) only where every weight is at least one and `free_bits` is zero. A weight may be zero. A
    weight that is a tensor is read anew at every step, so that a schedule can write into it in
    place (`pyrovae.train.Anneal`).

    Args:
        beta: One weight for all latent sites, or a weight by site; sites that are not named keep
            the weight one.
        num_particles: Particles per datum, K >= 1; the bound is their mean.
        free_bits: Nats per latent site that cost nothing: where a site's KL, averaged over the
            batch, is below this, a constant replaces it, and its gradient is zero.
        closed_form_kl: Use the closed-form KL at each site that has one (`pyrovae.kl_routes`).
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: A number is negative or not finite (a tensor is not checked).
        SiteError: A weight names a site that the guide does not have.

    Source:
        beta-VAE (Higgins et al., 2017), eq. 4, https://openreview.net/forum?id=Sy2fzU9gl;
        free bits: Improving Variational Inference with Inverse Autoregressive Flow (Kingma et al.,
        2016), sec. 6 and app. C, https://arxiv.org/abs/1606.04934

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> bound = Beta({"z": 4.0}).per_datum(oracle.model, oracle.guide, x)
    """

    def __init__(
        self,
        beta: Weight | Mapping[str, Weight],
        num_particles: int = 1,
        *,
        free_bits: float = 0.0,
        closed_form_kl: bool = True,
        **drawing: Unpack[Drawing],
    ) -> None:
        super().__init__(num_particles, **drawing)
        for weight in beta.values() if isinstance(beta, Mapping) else (beta,):
            if not isinstance(weight, Tensor) and not 0 <= weight < math.inf:
                raise ConfigError(
                    f"Beta got beta={beta}, needs finite weights >= 0; one leaves a KL as it is, "
                    "zero leaves it out"
                )
        if not 0 <= free_bits < math.inf:
            raise ConfigError(f"Beta got free_bits={free_bits}, needs nats >= 0; zero frees none")
        self.beta = beta
        self.free_bits = free_bits
        self.closed_form_kl = closed_form_kl

    @classmethod
    def example(cls) -> Self:
        return cls(beta=0.3, num_particles=2)

    @property
    def is_lower_bound(self) -> bool:
        """Whether no weight is below one, and no nats are free."""
        weights = self.beta.values() if isinstance(self.beta, Mapping) else [self.beta]
        return self.free_bits == 0 and all(float(weight) >= 1 for weight in weights)

    def bound(self, p: Particles) -> Tensor:
        return self._per_particle(p).mean(0)

    @property
    def is_linear(self) -> bool:
        """Unless there are free bits."""
        return self.free_bits == 0

    def summands(self, p: Particles) -> list[Summand]:
        parts = [of_site(site) for site in p.model_sites.values() if site.is_observed]
        for name, weight in self._weights(p).items():
            kl = site_kl(p, name, closed_form=self.closed_form_kl)
            values, plates = of_kl(p.guide_sites[name], kl, weight)
            if self.free_bits > 0:
                is_free = kl.value.mean() < self.free_bits
                values = torch.where(is_free, 0.0, values)  # a constant, which no draw answers for
            parts.append((values, plates))
        return parts

    def _per_particle(self, p: Particles) -> Tensor:
        if isinstance(self.beta, Mapping) or self.free_bits > 0:
            sites = {name: site.distributions[0] for name, site in p.guide_sites.items()}
            refuse_collapsed(sites, f"{type(self).__name__} with weights by site or free bits")
        terms = p.log_lik
        for name, weight in self._weights(p).items():
            kl = site_kl(p, name, closed_form=self.closed_form_kl).value
            if self.free_bits > 0:
                kl = torch.where(kl.mean() < self.free_bits, self.free_bits, kl)
            terms = terms - weight * kl
        return terms

    def _weights(self, p: Particles) -> dict[str, Weight]:
        if not isinstance(self.beta, Mapping):
            return dict.fromkeys(p.guide_sites, self.beta)
        unknown = sorted(self.beta.keys() - p.guide_sites.keys())
        if unknown:
            raise SiteError(
                f"Beta got weights for {unknown}, and the guide samples {sorted(p.guide_sites)}; "
                "name its sites"
            )
        return {name: self.beta.get(name, 1.0) for name in p.guide_sites}
