"""Evidence lower bound."""

from typing import Any, Unpack

from torch import Tensor

from ..particles import Particles
from ..particles.kl import site_kl
from ..particles.site import Site
from .constructor import Drawing
from .linear import LinearELBO, Summand, of_kl, of_log_w, of_site


class ELBO(LinearELBO):
    r"""Evidence lower bound, with sampled or closed-form KL by site.

    In nats per datum, :math:`E_q[\log p(x, z) - \log q(z|x)]`, which equals log p(x) - KL(q(z|x)
    || p(z|x)). A site without a reparameterised sampler follows its score. More particles lower
    its variance, not its gap.

    Args:
        num_particles: Particles per datum, K >= 1; the bound is their mean.
        closed_form_kl: Use the closed-form KL at each site that has one, and sample the rest.
            `pyrovae.kl_routes` shows which sites got which. Lowers the variance far from the
            optimum; close to it the sampled terms can cancel better (Roeder et al., 2017).
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), eqs. 7 and 10,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> bound = ELBO(num_particles=4).per_datum(oracle.model, oracle.guide, x)  # [3]
    """

    def __init__(
        self, num_particles: int = 1, *, closed_form_kl: bool = False, **drawing: Unpack[Drawing]
    ) -> None:
        super().__init__(num_particles, **drawing)
        self.closed_form_kl = closed_form_kl

    def bound(self, p: Particles) -> Tensor:
        return self._per_particle(p).mean(0)

    def summands(self, p: Particles) -> list[Summand]:
        if not self.closed_form_kl:
            return of_log_w(p)
        parts = [of_site(site) for site in p.model_sites.values() if site.is_observed]
        return parts + [of_kl(site, site_kl(p, n)) for n, site in p.guide_sites.items()]

    def offset(self, site: Site) -> Tensor | float:
        """What takes out the gradient of -log q, which is noise of mean zero."""
        return 0.0 if self.closed_form_kl else site.own_scale

    def _per_particle(self, p: Particles) -> Tensor:
        if not self.closed_form_kl:
            return p.log_w
        terms: Any = p.log_lik
        for name in p.guide_sites:
            terms = terms - site_kl(p, name).value
        return terms
