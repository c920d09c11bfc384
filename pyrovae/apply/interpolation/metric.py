"""How far apart decoded points are: the decoder's pulled-back metric, and lengths of curves."""

from typing import Literal

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import kl_divergence

from ...errors import SiteError
from ..observed import elements_at
from .decoder import Decoder

MetricName = Literal["mean", "moments", "fisher"]
"""Distances between E[x|z]; between means and deviations; in the Fisher-Rao metric of p(x|z)."""


def squared_steps(decoder: Decoder, z: Tensor, t: Tensor, metric: MetricName) -> Tensor:
    """Squared distances between the decoded neighbours of points z [P, T, L]: [P, T - 1].

    "fisher" is the sum of both Kullback-Leibler divergences, which is dz' F dz in the limit.

    Raises:
        SiteError: That divergence is not known, or the elements of a datum depend on each other.
    """
    if metric != "fisher":
        decoded = _features(decoder, z, t, metric)
        return (decoded[:, 1:] - decoded[:, :-1]).square().sum(-1)
    ends = [_elements(decoder, z[:, part], t[part]) for part in (slice(None, -1), slice(1, None))]
    return divergence(*ends).reshape(len(z), len(t) - 1, -1).sum(-1)


def divergence(one: TorchDistribution, other: TorchDistribution) -> Tensor:
    """KL(one || other) + KL(other || one) of each element."""
    try:
        return kl_divergence(one, other) + kl_divergence(other, one)
    except NotImplementedError as error:
        raise SiteError(
            f"the divergence between two {type(one).__name__} is not known, and metric='fisher' "
            "needs it; use metric='mean' or 'moments'"
        ) from error


def energy(decoder: Decoder, z: Tensor, t: Tensor, metric: MetricName) -> Tensor:
    r"""Energy of each curve, the integral of its squared speed over times 0 to 1 [P].

    It is at least the squared length, and equal to it at constant speed.
    """
    return (squared_steps(decoder, z, t, metric) / (t[1:] - t[:-1]).to(z)).sum(-1)


def length(decoder: Decoder, z: Tensor, t: Tensor, metric: MetricName) -> Tensor:
    """Length of each decoded curve [P]."""
    return squared_steps(decoder, z, t, metric).clamp_min(0).sqrt().sum(-1)


def metric_at(decoder: Decoder, z: Tensor, metric: MetricName) -> Tensor:
    """The pulled-back metric at one point z [P, L] of each path: [P, L, L].

    It is J'J of E[x|z], plus that of the deviations for "moments", or the Fisher information of z
    in p(x|z): the second derivative of half the squared distance to the point itself.
    """
    t = torch.zeros(1)
    with torch.enable_grad():
        here = z.detach().unsqueeze(1)
        near = here.clone().requires_grad_()
        if metric == "fisher":
            with torch.no_grad():
                fixed = _elements(decoder, here, t)
            half = divergence(fixed, _elements(decoder, near, t)).sum() / 2
        else:
            moved = _features(decoder, near, t, metric)
            half = (moved - moved.detach()).square().sum() / 2
        (slope,) = torch.autograd.grad(half, near, create_graph=True)
        columns = [
            torch.autograd.grad(slope[..., unit].sum(), near, retain_graph=True)[0][:, 0]
            for unit in range(z.shape[-1])
        ]
    return torch.stack(columns, -1)


def _features(decoder: Decoder, z: Tensor, t: Tensor, metric: MetricName) -> Tensor:
    fn = decoder(z, t)[1].fn
    shape = (len(z), len(t), -1)
    parts = [fn.mean.reshape(shape)]
    if metric == "moments":
        parts.append(fn.stddev.reshape(shape))
    return torch.cat(parts, -1)


def _elements(decoder: Decoder, z: Tensor, t: Tensor) -> TorchDistribution:
    name, site = decoder(z, t)
    return elements_at(name, site.fn, "metric='fisher'")
