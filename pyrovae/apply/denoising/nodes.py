"""Where a clean element may lie: its levels, or the nodes of a quadrature."""

import math

import numpy as np
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from ...errors import SiteError
from ...nn.corruption import SpreadingNoise
from ..values import support_of

NUM_NODES = 64  # of Gauss-Legendre quadrature over a continuous element
_REACH = 8.0  # standard deviations
_MOST_LEVELS = 4096


def bounds_of(fn: TorchDistribution) -> tuple[float, float]:
    """Smallest and largest value of an element; infinite where there is none."""
    support: constraints.Constraint = support_of(fn)
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    if support is constraints.boolean:
        return 0.0, 1.0
    low = getattr(support, "lower_bound", -math.inf)
    high = getattr(support, "upper_bound", math.inf)
    return float(torch.as_tensor(low).min()), float(torch.as_tensor(high).max())


@torch.no_grad()
def levels_of(fn: TorchDistribution, noise: SpreadingNoise, noisy: Tensor) -> Tensor:
    """The values that an element may have [S, 1, ...].

    Raises:
        SiteError: There are too many.
    """
    low, high = bounds_of(fn)
    if math.isinf(high):
        first, last = _interval(fn, noise, noisy)
        low, high = max(low, float(first.min().floor())), float(last.max().ceil())
    if not high - low < _MOST_LEVELS:
        raise SiteError(
            f"the elements of a {type(fn).__name__} have more than {_MOST_LEVELS} levels within "
            f"the noise (from {low:g} to {high:g}), too many to sum; take a continuous likelihood"
        )
    levels = torch.arange(low, high + 1, dtype=noisy.dtype, device=noisy.device)
    return levels.reshape(-1, *[1] * len(fn.batch_shape))


@torch.no_grad()
def nodes_of(fn: TorchDistribution, noise: SpreadingNoise, noisy: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes of an element and the logarithms of their weights [S, ...]."""
    first, last = _interval(fn, noise, noisy)
    shape = (-1, *[1] * first.dim())
    places, weights = (
        torch.as_tensor(values).to(first).reshape(shape)
        for values in np.polynomial.legendre.leggauss(NUM_NODES)
    )
    half = (last - first) / 2
    return first + half * (places + 1), (half * weights).log()


def _interval(
    fn: TorchDistribution, noise: SpreadingNoise, noisy: Tensor
) -> tuple[Tensor, Tensor]:
    """Where the clean element may lie: around likelihood, noisy value and their product."""
    center, width = noise.spread(noisy)
    mean, variance = fn.mean, fn.variance
    is_known = mean.isfinite() & variance.isfinite()
    mean = torch.where(is_known, mean, center)
    precision = torch.where(is_known, 1 / variance.clamp_min(1e-12), 0.0) + width**-2
    deviation = precision**-0.5
    low, high = bounds_of(fn)
    first = torch.minimum(mean, center) - _REACH * deviation
    last = torch.maximum(mean, center) + _REACH * deviation
    first = first.clamp_min(max(low, noise.lowest))
    return first, torch.maximum(last.clamp_max(high), first + 1e-12)
