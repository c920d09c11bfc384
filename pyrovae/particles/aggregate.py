"""The aggregate posterior q(z), the mean of q(z|x) over a batch: its densities and moments."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal

from ..errors import PlateError, SiteError
from .joined_site import JoinedSite
from .site import Site

_NORMALS = (MultivariateNormal, LowRankMultivariateNormal)


def cross_densities(site: Site, z: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Log-densities of each datum's draw under each datum's q(z|x), in nats.

    Entry [k, i, j] is of the draw of datum i under the distribution of datum j.

    Args:
        site: Of the guide; it factorises or is a normal, so that its marginals are known.
        z: Other draws [K, M, ...] than the site's own, M = B.

    Returns:
        log q(z_i|x_j) [K, M, B], and its marginals log q(z_id|x_j) [K, M, B, D].

    Raises:
        SiteError: It is another distribution, or is masked.
        PlateError: There is no batch.
    """
    z = site.value if z is None else z
    if isinstance(site, JoinedSite):
        groups = zip(site.parts, z.split([len(part.value) for part in site.parts]), strict=True)
        joints, margins = zip(*(cross_densities(*group) for group in groups), strict=True)
        return torch.cat(joints), torch.cat(margins)
    _check(site)
    found = []
    for fn, value in zip(site.distributions, z.chunk(len(site.distributions)), strict=True):
        margins = _margins(site, fn)
        batch_dim = (site.layout.batch_dim or 0) - fn.event_dim
        draws = site.layout.restore(value, fn.event_dim)
        draws = draws.movedim(batch_dim, 0).unsqueeze(batch_dim)  # [M, (K), ..., 1, ..., *event]
        each = site.layout.arrange(margins.log_prob(draws), fn.event_dim)  # [K, B, M, ...]
        each = each.reshape(*each.shape[:3], -1).transpose(1, 2)
        if isinstance(fn, _NORMALS):
            joint = site.layout.arrange(fn.log_prob(draws), 0)
            joint = joint.reshape(*joint.shape[:3], -1).sum(-1).transpose(1, 2)
        else:
            joint = each.sum(-1)
        found.append((joint, each))
    return torch.cat([joint for joint, _ in found]), torch.cat([each for _, each in found])


def moments(site: Site) -> tuple[Tensor, Tensor]:
    """Mean [K, B, D] and covariance [K, B, D, D] of q(z|x) of each datum.

    Args:
        site: Of the guide, which factorises, is a normal, or a point mass (of no covariance).

    Raises:
        SiteError: It is another distribution, or is masked.
        PlateError: There is no batch.
    """
    _check(site)
    means, covariances = [], []
    for fn in site.distributions:
        margins = fn if isinstance(fn, dist.Delta) else _margins(site, fn)
        mean = site.layout.arrange(fn.mean, fn.event_dim)
        means.append(mean.reshape(*mean.shape[:2], -1))
        if isinstance(fn, _NORMALS):
            full = site.layout.arrange(fn.covariance_matrix, 2)
            if full.shape[2:-2].numel() != 1:
                raise SiteError(
                    f"site '{site.name}' is a {site.kind} in a plate inside the one over data, "
                    "whose joint covariance is not built; use a diagonal guide"
                )
            covariances.append(full.reshape(*full.shape[:2], *full.shape[-2:]))
        else:
            variance = site.layout.arrange(margins.variance, fn.event_dim)
            covariances.append(torch.diag_embed(variance.reshape(*variance.shape[:2], -1)))
    return torch.cat(means), torch.cat(covariances)


def fresh_draws(site: Site) -> tuple[Tensor, Tensor | None]:
    """Draws from a site's own distributions, one for each particle and datum.

    Args:
        site: Of the model, scored at other values.

    Returns:
        The draws [K, B, ...]. Where they are not reparameterised also their log p [K, B] in nats,
        with its gradient to the distribution's parameters; else None.
    """
    if isinstance(site, JoinedSite):
        draws, scores = zip(*map(fresh_draws, site.parts), strict=True)
        return torch.cat(draws), torch.cat(scores) if scores[0] is not None else None
    layout, drawn, log_probs = site.layout, [], []
    for fn in site.distributions:
        # Pyro does not expand the distribution of a replayed site over the particles.
        sizes = [1] * (layout.rank - len(fn.batch_shape)) + list(fn.batch_shape)
        if layout.particle_dim is not None:
            sizes[layout.particle_dim] = len(site.value)
        if layout.batch_dim is not None:
            sizes[layout.batch_dim] = layout.batch_size
        each = fn.expand(torch.Size(sizes))
        value = each.rsample() if each.has_rsample else each.sample()
        drawn.append(layout.arrange(value, fn.event_dim))
        if not each.has_rsample:
            log_probs.append(each.log_prob(value))
    return torch.cat(drawn), site.collect(log_probs) if log_probs else None


def _check(site: Site) -> None:
    if site.layout.batch_dim is None:
        raise PlateError(
            f"the aggregate of site '{site.name}' is a mean over the data of a batch, and "
            "batch_plate=None sees one joint datum; enclose the pair in a plate over data"
        )
    if any(isinstance(mask, Tensor) for mask in site.masks):
        raise SiteError(
            f"site '{site.name}' is masked, and the densities of one datum's draw under another's "
            "mask are not defined; mask observations only"
        )


def _margins(site: Site, fn: Any) -> Any:  # noqa: ANN401
    """The marginal of each dimension; the event dims become batch dims."""
    base = fn
    while isinstance(base, Independent):
        base = base.base_dist
    if isinstance(base, _NORMALS) and base is fn:
        return dist.Normal(fn.mean, fn.stddev, validate_args=False)
    if base.event_shape or isinstance(base, dist.Delta):
        raise SiteError(
            f"the guide's site '{site.name}' is a {site.kind}, whose marginal densities are not "
            "known; use a diagonal or full normal (DiagonalNormal), or an "
            "objective that takes any guide (FactorVAE, InfoVAE)"
        )
    return base
