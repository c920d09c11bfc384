"""The KL terms of a pair, site by site: in closed form where that is right, else sampled."""

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from pyro.distributions import MaskedDistribution
from pyro.distributions.util import scale_and_mask
from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from ..distributions.collapsed_categorical import CollapsedCategorical
from ..distributions.labelled_categorical import LabelledCategorical
from .draw import draw
from .handlers import Program
from .isolation import isolated
from .modes import Mode, in_mode
from .pair import takes_pair
from .particles import Particles
from .site import Site


@dataclass(frozen=True)
class SiteKL:
    """Contribution of one guide site to KL(q(z|x) || p(z)).

    Attributes:
        value: Nats per particle and datum [K, B], a sum over nested plates and event dims.
        route: "closed form", or "sampled: " and the reason.
    """

    value: Tensor
    route: str
    _terms: tuple[tuple[Site, float, tuple[Tensor, ...] | None], ...] = field(repr=False)

    def by_plates(self) -> Tensor:
        """The same value, with all plates of the site kept [K, ..., B, ...]."""
        total: Any = 0.0
        for site, sign, per_trace in self._terms:
            own = site.log_prob_by_plates if per_trace is None else site.by_plates(per_trace)
            total = total + sign * own
        return cast(Tensor, total)


def site_kl(p: Particles, name: str, *, closed_form: bool = True) -> SiteKL:
    """KL term of the guide site `name`, given the particle's other latents.

    The closed form is used where the pair of distributions has one and where every latent that
    the model draws before this site is drawn before it by the guide as well: otherwise p(z_i | .)
    depends on z_i through a later draw, and the closed form is not the KL.
    """
    guide_site, model_site = p.guide_sites[name], p.model_sites.get(name)
    if closed_form:
        why = _why_sampled(p, name)
        if why is None and model_site is not None:
            try:
                pairs = zip(guide_site.distributions, model_site.distributions, strict=True)
                parts = tuple(divergence(q, prior) for q, prior in pairs)
                terms = ((guide_site, 1.0, parts),)
                return SiteKL(guide_site.collect(parts), "closed form", terms)
            except NotImplementedError:
                why = f"no closed form between {guide_site.kind} and {model_site.kind}"
    else:
        why = "asked for"
    value, sampled = guide_site.log_prob, [(guide_site, 1.0, None)]
    if model_site is not None and not model_site.is_observed:
        value = value - model_site.log_prob
        sampled.append((model_site, -1.0, None))
    value = value.expand(p.num_particles, p.batch_size)
    return SiteKL(value, f"sampled: {why}", tuple(sampled))


@takes_pair
def kl_routes(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    mode: Mode = "evaluation",
    **kwargs: Any,  # noqa: ANN401
) -> dict[str, str]:
    """How the KL of each guide site is computed: "closed form", or "sampled: " and the reason.

    The networks run in evaluation mode, or with `mode="as is"` in the mode that each is in.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> kl_routes(oracle.model, oracle.guide, oracle.sample(3, seed=1))
        {'z': 'closed form'}
    """
    with isolated(), in_mode(mode, model, guide), torch.no_grad():
        p = draw(model, guide, *args, scales="ignored", **kwargs)
        return {name: site_kl(p, name).route for name in p.guide_sites}


def divergence(q: Distribution, prior: Distribution) -> Tensor:
    """KL(q || prior) where batch shapes only broadcast; some of torch's forms need equal ones."""
    shape = torch.broadcast_shapes(q.batch_shape, prior.batch_shape)
    q, prior = (fn if fn.batch_shape == shape else fn.expand(shape) for fn in (q, prior))
    if isinstance(q, MultivariateNormal) and _is_diagonal_normal(prior):
        scale_tril = torch.diag_embed(prior.stddev)  # torch knows the pair of full normals only
        prior = MultivariateNormal(prior.mean, scale_tril=scale_tril, validate_args=False)
    if isinstance(q, MaskedDistribution) and isinstance(prior, MaskedDistribution):
        return _masked_divergence(q, prior)
    if isinstance(q, CollapsedCategorical):
        raise NotImplementedError("its draw counts in the densities of other sites")
    if isinstance(q, LabelledCategorical) and isinstance(prior, Categorical):
        return q.kl_divergence(prior)
    return kl_divergence(q, prior)


def _masked_divergence(q: MaskedDistribution, prior: MaskedDistribution) -> Tensor:
    """KL where both masks leave something; Pyro's gives a number where one leaves nothing."""
    unmasked = divergence(q.base_dist, prior.base_dist)
    for mask in (q._mask, prior._mask):
        unmasked = scale_and_mask(unmasked, 1.0, mask)
    return unmasked


def _is_diagonal_normal(fn: Distribution) -> bool:
    return (
        isinstance(fn, Independent)
        and isinstance(fn.base_dist, Normal)
        and fn.reinterpreted_batch_ndims == 1
    )


def _why_sampled(p: Particles, name: str) -> str | None:
    guide_site, model_site = p.guide_sites[name], p.model_sites.get(name)
    if model_site is None or model_site.is_observed or guide_site.is_observed:
        return "it has no partner among the latents of the model"
    if guide_site.kind == "Delta":
        return "a point mass may carry a density of its own, which a closed form would drop"
    if any(a is not b for a, b in zip(guide_site.masks, model_site.masks, strict=True)):
        return "model and guide mask it differently"
    drawn = list(p.guide_sites)
    earlier_in_guide = set(drawn[: drawn.index(name)])
    for other, site in p.model_sites.items():
        if other == name:
            return None
        if not site.is_observed and other not in earlier_in_guide:
            return f"the model draws '{other}' before it and the guide after it"
    return None
