"""What a latent is worth: what changes when it is drawn anew, or taken from another datum."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...particles import Particles
from ...particles.handlers import condition_on, prior_of
from ...particles.site import Site
from ..block import Block

Means = Mapping[str, Tensor]


def latent_sites(p: Particles) -> list[str]:
    """Latents that the model draws, in the order of the guide; a point mass is not drawn."""
    return [
        n for n, s in p.guide_sites.items() if s.is_latent and p.model_sites[n].kind != "Delta"
    ]


def with_another(block: Block, p: Particles, name: str, shift: int) -> Particles:
    """The same particles, but `name` has the value that the datum `shift` rows before drew.

    Latents that the guide draws after it are drawn anew, given that value.
    """
    values = {n: p.guide_sites[n].value for n in latent_sites(p)}
    values[name] = values[name].roll(shift, 1)
    return _followed(block, p, name, _at(block, p, values))


def redrawn(block: Block, p: Particles, name: str) -> Particles:
    """The same particles, but `name` is drawn from its prior, given the latents before it.

    Latents that the guide draws after it are drawn anew, given that value.
    """
    others = {n: p.guide_sites[n].value for n in latent_sites(p) if n != name}
    return _followed(block, p, name, _at(block, p, others))


def log_rest(p: Particles, name: str, order: Sequence[str]) -> Tensor:
    """Log weights [B] of one particle, without the densities of the latent `name` itself.

    Those of the guide of what comes before it are left out too: they stay as they are.

    Args:
        p: Of a guide or of a prior.
        name: Of the latent.
        order: In which the guide draws the latents.
    """
    total = torch.zeros(p.batch_size, dtype=torch.float64, device=p.log_lik.device)
    for other, site in p.model_sites.items():
        if other != name and (site.is_observed or site.kind != "Delta"):
            total = total + site.log_prob[0].double()
    for later in order[order.index(name) + 1 :]:
        total = total - p.guide_sites[later].log_prob[0].double()
    return total


def means_of_data(p: Particles) -> dict[str, Tensor]:
    """The mean of p(x|z) of one particle, by observed site [B, elements], where it has one.

    It is zero for elements that a mask within the distribution leaves out.
    """
    found = {}
    for name, site in p.model_sites.items():
        mean = _mean(site) if is_plain_data(site) else None
        if mean is not None:
            mask = mask_of(site)
            found[name] = mean if mask is None else mean.where(mask, 0.0)
    return found


def mask_of(site: Site) -> Tensor | None:
    """Which elements of one particle's data count [B, elements]; None where all do.

    Those that `fn.mask(...)` leaves out, as the padding of sequences and missing values are.
    """
    mask = site.element_mask
    if mask is None:
        return None
    size = site.layout.batch_size
    return mask[0].expand(size, *site.value.shape[2:]).reshape(size, -1)


def is_plain_data(site: Site) -> bool:
    """Whether a site observes numbers, and no mask lies around the whole site."""
    is_masked = any(isinstance(mask, Tensor) for mask in site.masks)
    if site.are_codes:
        return False
    return site.is_observed and site.kind not in ("pyro.factor", "Delta") and not is_masked


def values_of(site: Site) -> Tensor:
    """The value of one particle [B, elements]."""
    value, size = site.value[0].double(), site.layout.batch_size
    return value.expand(size, *value.shape[1:]).reshape(size, -1)


def squared_distance(one: Means, other: Means) -> Tensor:
    """Sum over all elements of the squared difference [B]."""
    return torch.stack([(one[n] - other[n]).square().sum(1) for n in one]).sum(0)


def _followed(block: Block, p: Particles, name: str, changed: Particles) -> Particles:
    """The guide again where it draws latents after the one that was changed."""
    order = latent_sites(p)
    before = order[: order.index(name)]
    if len(before) + 1 == len(order):
        return changed
    values = {n: p.guide_sites[n].value for n in before}
    values[name] = changed.guide_sites[name].value
    return block.draw(1, guide=condition_on(block.guide, values, p.guide_sites[name].layout))


def _at(block: Block, p: Particles, values: Mapping[str, Tensor]) -> Particles:
    layout = next(iter(p.guide_sites.values())).layout
    return block.draw(1, guide=condition_on(prior_of(block.model), values, layout))


def _mean(site: Site) -> Tensor | None:
    fn = site.distributions[0]
    try:
        mean = site.layout.arrange(fn.mean, fn.event_dim)[0].double()
    except (NotImplementedError, AttributeError):
        return None
    value = site.value[0]
    if mean.dim() != value.dim() or not bool(mean.isfinite().all()):
        return None  # as the mean of a categorical
    size = site.layout.batch_size
    return mean.expand(size, *value.shape[1:]).reshape(size, -1)
