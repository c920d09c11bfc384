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
_AT_ENDS = 24  # further nodes at each end of a bounded element, where its density may be infinite
_END = 1 / 64  # of the interval
_POWER = 10  # by which they gather at the bound
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
    """Nodes of an element and the logarithms of their weights [S, ...].

    A density such as that of a Beta may be infinite at a bound: there further nodes gather.
    """
    first, last = _interval(fn, noise, noisy)
    low, high = bounds_of(fn)
    is_bounded = math.isfinite(low) or math.isfinite(high)
    shape = (-1, *[1] * first.dim())
    to_first, to_last, weights = (
        torch.as_tensor(values).to(first).reshape(shape) for values in _places(is_bounded)
    )
    width = last - first
    nodes = torch.where(to_first < 0.5, first + width * to_first, last - width * to_last)
    lowest, highest = (torch.full_like(first, bound) for bound in (low, high))
    inside = torch.nextafter(lowest, highest), torch.nextafter(highest, lowest)
    return torch.maximum(torch.minimum(nodes, inside[1]), inside[0]), width.log() + weights.log()


def _places(is_bounded: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each node the distances from both ends, and the weight, for an interval of length 1."""
    places, weights = _legendre(NUM_NODES)
    if not is_bounded:
        return places, 1 - places, weights
    s, w = _legendre(_AT_ENDS)
    near, own = _END * s**_POWER, _END * _POWER * s ** (_POWER - 1) * w
    inner = _END + (1 - 2 * _END) * places
    return (
        np.concatenate([near, inner, 1 - near]),
        np.concatenate([1 - near, 1 - inner, near]),
        np.concatenate([own, (1 - 2 * _END) * weights, own]),
    )


def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    places, weights = np.polynomial.legendre.leggauss(count)
    return (places + 1) / 2, weights / 2


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
