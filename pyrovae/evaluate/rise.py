"""How an estimate of log p(x) rises with its number of weights, and how much further it would."""

import torch
from torch import Tensor

from ..math import MIN_PARTICLES_PARETO, log_mean_exp, pareto_k

_LEVELS = 10  # halvings of K that are looked at, at most
_DOUBLINGS = 3  # of K, the latest, that are extrapolated: one alone is noisy where tails are heavy
_SLOWEST = 0.2  # power of K with which a shortfall falls, at least: that of k-hat 5/6

_UNKNOWN = 0.3  # where k-hat is not known, as of few weights


def sizes_below(num_particles: int) -> tuple[int, ...]:
    """K and its halves, quarters, ..., ascending; those that are not whole are rounded down."""
    halves = [num_particles >> level for level in range(_LEVELS + 1)]
    return tuple(size for size in reversed(halves) if size)


def estimates_at(log_w: Tensor) -> Tensor:
    """Mean log-mean-exp of disjoint groups of K / 2^j weights: unbiased for that many particles.

    Args:
        log_w: Independent log weights [K, B].

    Returns:
        [J, B], of the sizes `sizes_below(K)`; the last row is of all weights.
    """
    found = []
    for size in sizes_below(len(log_w)):
        groups = len(log_w) // size
        found.append(log_mean_exp(log_w[: groups * size].unflatten(0, (groups, size)), 1).mean(0))
    return torch.stack(found)


def powers(k_hat: Tensor) -> Tensor:
    r"""Powers a of :math:`K^{-a}`, with which shortfalls fall: 1/k - 1, from 1/5 to 1.

    A shortfall falls as 1/K where the weights have finite variance (k below 1/2), and more slowly
    where they have not. Where k is large the estimates are still on their way to this law, and
    fall faster than it says: 1/5 is what pairs with a known log p(x) show, and 0.3 where k-hat is
    not known.

    Args:
        k_hat: Shapes of the tails [B].
    """
    found = 1 / k_hat.clamp(0.5, 1 / (1 + _SLOWEST)) - 1
    return torch.where(k_hat.isnan(), _UNKNOWN, found)


def shortfalls_of(log_px_at: Tensor, sizes: tuple[int, ...], powers: Tensor) -> Tensor:
    r"""What all further doublings of K would add: :math:`(L_K - L_{K/8}) / (8^a - 1)`.

    Args:
        log_px_at: Estimates with few weights, up to all K [J, B].
        sizes: Numbers of these weights; where there is no K / 8, the smallest takes its place.
        powers: With which power of K each shortfall falls [B].

    Returns:
        [B]; NaN at K = 1.
    """
    place = max(0, len(sizes) - 1 - _DOUBLINGS)
    return (log_px_at[-1] - log_px_at[place]) / ((sizes[-1] / sizes[place]) ** powers - 1)


def shortfalls_in(log_w: Tensor) -> Tensor:
    """By how many nats the log-mean-exp of weights is probably below that of all weights.

    Args:
        log_w: Independent log weights [K, B].

    Returns:
        [B]; NaN at K = 1.
    """
    known = len(log_w) >= MIN_PARTICLES_PARETO
    k_hat = pareto_k(log_w) if known else torch.full_like(log_w[0], torch.nan)
    return shortfalls_of(estimates_at(log_w), sizes_below(len(log_w)), powers(k_hat))
