"""Entropies of the sites of a pair, and how far each site is from the sum of entropies."""

from collections.abc import Collection
from typing import NamedTuple

import pyro
import torch
from torch import Tensor

from ...errors import ConfigError
from ...particles import Particles
from ...particles.kl import site_kl
from ...particles.site import Site
from ..validity import check_weights


class Terms(NamedTuple):
    """Of one draw, per particle and datum [K, B], in nats.

    Attributes:
        encoder: Entropy of q(z|x), all latents together.
        entropies: Entropy of each site of the model given the sites before it.
        excess: Of each site of the model log p + its entropy: zero in expectation at a stationary
            point, and everywhere under the model itself.
        observed: Names of the sites that are data.
        is_sampled: Whether the entropy of q is minus a log-density of a draw.
    """

    encoder: Tensor
    entropies: dict[str, Tensor]
    excess: dict[str, Tensor]
    observed: frozenset[str]
    is_sampled: bool

    @property
    def elbo(self) -> Tensor:
        """Entropy of q minus those of the model plus every excess [K, B]."""
        total = self.encoder
        for name, excess in self.excess.items():
            total = total + excess - self.entropies[name]
        return total

    def entropy_of(self, names: Collection[str]) -> Tensor:
        """The entropies of some sites of the model, together [K, B]."""
        total = torch.zeros_like(self.encoder)
        for name in names:
            total = total + self.entropies[name]
        return total


def terms_of(p: Particles) -> Terms:
    """The entropies of some particles.

    Raises:
        ConfigError: A site has no entropy in closed form, or the guide has an auxiliary site.
    """
    check_weights(p, "entropies")
    auxiliary = [name for name, site in p.guide_sites.items() if not site.is_latent]
    if auxiliary:
        raise ConfigError(
            f"entropies: the guide's '{auxiliary[0]}' is no latent of the model, and the sum of "
            "entropies is known of pairs without such sites; measure a guide without it"
        )
    size = (p.num_particles, p.batch_size)
    own = {name: entropy_of(site) for name, site in p.guide_sites.items()}
    encoder = torch.zeros((), device=p.log_w.device)
    for name, site in p.guide_sites.items():
        found = own[name]
        encoder = encoder + (-site.log_prob if found is None else found)
    entropies, excess = {}, {}
    for name, site in p.model_sites.items():
        entropy, q_entropy = entropy_of(site), own.get(name)
        if entropy is None:
            raise ConfigError(_no_entropy(name, site))
        log_p = site.log_prob
        if q_entropy is not None:
            kl = site_kl(p, name)
            if kl.route == "closed form":
                log_p = -kl.value - q_entropy
        entropies[name] = entropy.expand(size)
        excess[name] = (log_p + entropy).expand(size)
    observed = frozenset(name for name, site in p.model_sites.items() if site.is_observed)
    is_sampled = any(entropy is None for entropy in own.values())
    return Terms(encoder.expand(size), entropies, excess, observed, is_sampled)


def entropy_of(site: Site) -> Tensor | None:
    """Entropy of a site given the sites before it [K, B]; None where it has no closed form."""
    try:
        with pyro.validation_enabled(False):  # a prior is not expanded along the particles
            return site.collect([fn.entropy() for fn in site.distributions])
    except NotImplementedError:
        return None


def _no_entropy(name: str, site: Site) -> str:
    if site.kind == "pyro.factor":
        return (
            f"entropies: '{name}' is a pyro.factor, which is no distribution and has no entropy; "
            "write it as a sample statement"
        )
    if site.element_mask is not None:
        return (
            f"entropies: '{name}' is masked, and entropies are not known of a part of a datum; "
            "measure a pair without masks, on data of equal length with nothing missing"
        )
    what = "likelihood" if site.is_observed else "prior"
    ways = (
        "a Gaussian with learned variance, a Bernoulli or a categorical one"
        if site.is_observed
        else "a normal one"
    )
    return (
        f"entropies: {site.kind}, of the site '{name}', has no entropy in closed form; the sum of "
        "entropies is known of exponential families with a constant base measure (a count's base "
        f"measure, 1 / x! for one, is not constant); measure a pair whose {what} is {ways}"
    )
