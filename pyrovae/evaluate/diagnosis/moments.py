"""Moments of latents and data, for an `Observation`."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent

from ...particles import Particles
from ...particles.site import Site
from .exchange import is_plain_data, mask_of, means_of_data, values_of
from .observation import Observation

_WIDEST = 256  # dimensions of a latent whose covariance is kept
_ROWS, _ELEMENTS = 1000, 2000  # of the data that are kept for their leading variance


def add_moments(found: Observation, p: Particles, name: str) -> None:
    """Add the draws of a latent, and how often each of its values was drawn."""
    site, prior = p.guide_sites[name], p.model_sites[name]
    found.facts["kind", name] = site.kind
    if not site.value.is_floating_point():
        _add_classes(found, p, name)
        return
    z = values_of(site)
    found.add("z", name, z.sum(0))
    found.add("zz", name, z.T @ z if z.shape[1] <= _WIDEST else z.square().sum(0))
    found.facts["prior", name] = _shared_normal(prior) if z.shape[1] <= _WIDEST else None


def _add_classes(found: Observation, p: Particles, name: str) -> None:
    """How often each class was drawn."""
    fn = _base(p.model_sites[name].distributions[0])
    try:
        count = len(fn.enumerate_support(expand=False))
    except (NotImplementedError, AttributeError):
        return
    value = values_of(p.guide_sites[name])
    if not fn.event_shape and 2 <= count <= 65536 and bool((value >= 0).all()):
        drawn = value.flatten().long()
        if int(drawn.max()) < count:
            found.add("classes", name, torch.bincount(drawn.cpu(), minlength=count))


def add_data(found: Observation, p: Particles, *, keep_rows: bool) -> None:
    """Add the data, and the errors of the mean of p(x|z)."""
    means = means_of_data(p)
    for name, site in p.model_sites.items():
        if not is_plain_data(site) or name not in means:
            continue
        x, mask = values_of(site), mask_of(site)
        if mask is not None:
            x = x.where(mask, 0.0)
            found.add("seen", name, mask.sum(0))
        off = x - means[name]
        found.add("x", name, x.sum(0))
        found.add("xx", name, x.square().sum(0))
        found.add("error", name, off.square().sum())
        found.facts["kind", name] = site.kind
        if site.kind == "Normal":
            fn = site.distributions[0]
            sd = site.layout.arrange(fn.stddev, fn.event_dim)[0].double()
            sd = sd.expand(len(x), *site.value.shape[2:]).reshape(len(x), -1)
            found.add("standardised", name, (off / sd).square().sum())
            found.add("elements", name, torch.tensor(off.numel()) if mask is None else mask.sum())
            counted = sd if mask is None else sd[mask]
            if counted.numel():
                found.widen("scales", name, float(counted.min()), float(counted.max()))
            if keep_rows and x.shape[1] <= _ELEMENTS and mask is None:
                found.rows[name] = x[:_ROWS].cpu()


def kl_by_dimension(p: Particles, name: str) -> Tensor | None:
    """log q - log p of each dimension at one draw [B, L]; None where they do not factorise."""
    site, prior = p.guide_sites[name], p.model_sites[name]
    if any(isinstance(mask, Tensor) for mask in (*site.masks, *prior.masks)):
        return None
    terms = []
    for each in (site, prior):
        fn = each.distributions[0]
        base = _base(fn)
        if base.event_shape or base is fn or type(base).__name__ == "Delta":
            return None
        value = each.layout.restore(site.value, fn.event_dim)
        log_prob = each.layout.arrange(base.log_prob(value), fn.event_dim)[0].double()
        size = site.layout.batch_size
        terms.append(log_prob.expand(size, *log_prob.shape[1:]).reshape(size, -1))
    return terms[0] - terms[1]


def _base(fn: Any) -> Any:  # noqa: ANN401
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return fn


def _shared_normal(prior: Site) -> tuple[Tensor, Tensor] | None:
    """Mean [L] and covariance [L, L] of a normal prior that all data share, else None."""
    whole = prior.distributions[0]
    fn = _base(whole)
    if type(fn).__name__ not in ("Normal", "MultivariateNormal"):
        return None
    mean = prior.layout.arrange(fn.mean, whole.event_dim)[0].double().cpu()
    mean = mean.reshape(len(mean), -1)
    if type(fn).__name__ == "Normal":
        sd = prior.layout.arrange(fn.stddev, whole.event_dim)[0].double().cpu()
        spread = sd.reshape(len(sd), -1).expand_as(mean).square().diag_embed()
    else:
        spread = prior.layout.arrange(fn.covariance_matrix, 2)[0].double().cpu()
        if spread.dim() != 3:
            return None
    for tensor in (mean, spread):  # of one row, where they do not depend on the data
        if not torch.equal(tensor, tensor[:1].expand_as(tensor)):
            return None
    return mean[0], spread[0]
