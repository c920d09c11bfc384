"""Pieces of log-densities that stay exact where their log-gamma functions would cancel."""

import math

import torch
from torch import Tensor

# Taylor coefficients of Stirling's series in 1/t, 1/t^3, ...: below 2e-14 from t = 16 on.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680)
_FAR = 16.0


def log_or_zero(x: Tensor) -> Tensor:
    """log x where x > 0, else 0."""
    return torch.where(x > 0, x, 1.0).log()


def log_sum(t: Tensor, log_t: Tensor, x: Tensor) -> Tensor:
    """log(t + x) for x >= 0; log t itself where x is 0."""
    return torch.where(x > 0, torch.where(x > 0, t + x, 1.0).log(), log_t)


def deviance(t: Tensor, log_t: Tensor, log_mean: Tensor) -> Tensor:
    """m - t + t log(t / m): half the Poisson deviance of t >= 0 from a mean m, at least 0.

    Written as t (e^d - 1 - d) with d = log m - log t, it loses nothing where t is close to m.

    Args:
        t: At least 0.
        log_t: Its logarithm; any number where t is 0.
        log_mean: log m.

    Source:
        Fast and accurate computation of binomial probabilities (Loader, 2000), sec. 3
    """
    d = log_mean - log_t
    near = d.clamp(max=1.0)
    far = log_mean.exp() - t - torch.where(t > 0, t * d, 0.0)
    return torch.where((t > 0) & (d < 1), t * (torch.expm1(near) - near), far)


def stirling_excess(t: Tensor, log_t: Tensor) -> Tensor:
    """log Gamma(1 + t) - (t log t - t) for t >= 0: 0 at 0, about log(2 pi t) / 2 for large t.

    Args:
        t: At least 0.
        log_t: Its logarithm; any number where t is 0.
    """
    is_near = t < _FAR
    near, log_near = torch.where(is_near, t, 1.0), torch.where(is_near, log_t, 0.0)
    exact = torch.lgamma(1 + near) - near * log_near + near
    inverse = 1 / torch.where(is_near, _FAR, t)
    series = sum(c * inverse ** (2 * n + 1) for n, c in enumerate(_STIRLING))
    log_far = torch.where(is_near, math.log(_FAR), log_t)
    return torch.where(is_near, exact, 0.5 * (math.log(2 * math.pi) + log_far) + series)
