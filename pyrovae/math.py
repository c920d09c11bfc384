"""Small numerics in log space, over the particle axis."""

import math

import torch
from torch import Tensor

from .errors import ShapeError


def log_mean_exp(x: Tensor, dim: int = 0) -> Tensor:
    r"""Stable :math:`\log \frac1K \sum_k e^{x_k}` over `dim`.

    Example:
        >>> log_mean_exp(torch.tensor([0.0, 0.0]))
        tensor(0.)
    """
    return torch.logsumexp(x, dim) - math.log(x.shape[dim])


def log_sum_exp_of_others(x: Tensor, dim: int = 0) -> Tensor:
    r"""Stable :math:`\log \sum_{j \ne k} e^{x_j}` for each k along `dim`, of size two or more.

    Sums from both ends, so that no term is ever subtracted; linear in time and memory.

    Example:
        >>> log_sum_exp_of_others(torch.tensor([0.0, 1.0]))
        tensor([1., 0.])
    """
    size = x.shape[dim]
    before = torch.logcumsumexp(x.narrow(dim, 0, size - 1), dim)
    after = torch.logcumsumexp(x.narrow(dim, 1, size - 1).flip(dim), dim).flip(dim)
    middle = torch.logaddexp(before.narrow(dim, 0, size - 2), after.narrow(dim, 1, size - 2))
    return torch.cat([after.narrow(dim, 0, 1), middle, before.narrow(dim, size - 2, 1)], dim)


def log_power_mean(log_w: Tensor, order: float) -> Tensor:
    r"""Stable :math:`\frac1r \log \frac1K \sum_k w_k^r` of order r; at zero the mean of log w.

    Args:
        log_w: Logarithms of K numbers [K, B].
        order: r, any real number.

    Returns:
        [B], which keeps its digits however close to zero the order is.

    Example:
        >>> log_power_mean(torch.tensor([[0.0], [0.0]]), order=0.5)
        tensor([0.])
    """
    mean = log_w.mean(0)
    if order == 0:
        return mean
    centre = torch.where(mean.isfinite(), mean, 0.0)  # a weight of zero has no finite log
    spread = order * (log_w - centre)
    # Close to order zero the log-mean-exp is a small number that must keep its digits.
    is_small = spread.detach().abs().amax(0) < 1
    small = torch.log1p(torch.expm1(torch.where(is_small, spread, 0)).mean(0))
    return centre + torch.where(is_small, small, log_mean_exp(spread)) / order


def power_weights(log_w: Tensor, order: float) -> Tensor:
    r"""Shares :math:`w_k^r / \sum_j w_j^r`: the gradient of `log_power_mean` in log w [K, B].

    Example:
        >>> power_weights(torch.tensor([[0.0], [5.0]]), order=0.0)
        tensor([[0.5000],
                [0.5000]])
    """
    return torch.softmax(order * log_w, 0) if order else torch.full_like(log_w, 1 / len(log_w))


def effective_sample_size(log_w: Tensor) -> Tensor:
    r"""Effective number of particles :math:`(\sum_k w_k)^2 / \sum_k w_k^2`, between 1 and K.

    It misleads when the largest weights were never drawn: read it beside `pareto_k`.

    Args:
        log_w: Log importance weights [K, B].

    Returns:
        Number of particles [B].

    Source:
        Kong (1992), A note on importance sampling using standardized weights.

    Example:
        >>> effective_sample_size(torch.zeros(5, 2))
        tensor([5., 5.])
    """
    return torch.exp(2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0))


def pareto_k(log_w: Tensor) -> Tensor:
    r"""Shape k-hat of a generalised Pareto distribution fitted to the largest weights.

    Below 0.5 the weights have finite variance; above about 0.7 an importance-sampling estimate
    should not be trusted; at 1 or more its mean does not exist. It is optimistic in high
    dimensions, where the tail was never visited. Its own error is about 0.1 at K = 1000.

    Args:
        log_w: Log importance weights [K, B], K >= 25.

    Returns:
        k-hat [B]; minus infinity where all tail weights are equal, NaN where no weight is above
        zero or one is NaN.

    Raises:
        ShapeError: Fewer than 25 particles: the tail would hold fewer than five.

    Source:
        Zhang & Stephens (2009), A new and efficient estimation method for the generalized Pareto
        distribution; tail size and prior of Vehtari et al. (2024), Pareto smoothed importance
        sampling, https://arxiv.org/abs/1507.02646
    """
    num_particles = log_w.shape[0]
    if num_particles < 25:
        raise ShapeError(f"pareto_k got {num_particles} particles, and needs at least 25")
    tail_size = min(num_particles // 5, math.ceil(3 * math.sqrt(num_particles)))
    top = torch.topk(log_w.double(), tail_size + 1, dim=0).values  # descending
    scaled = torch.exp(top - top[0])
    excess = (scaled[:-1] - scaled[-1]).flip(0)  # [M, B], ascending
    fitted = torch.cat([_shape_of_tail(x) for x in excess.split(4096, dim=1)])
    return torch.where(excess[-1] == 0, -math.inf, fitted).to(log_w.dtype)


def _shape_of_tail(excess: Tensor) -> Tensor:
    """Profile-posterior mean of the shape, weakly drawn to 1/2. [M, B] -> [B]."""
    size = excess.shape[0]
    grid_size = 30 + int(math.sqrt(size))
    largest = excess[-1].clamp_min(torch.finfo(excess.dtype).tiny)
    quartile = excess[int(size / 4 + 0.5) - 1].clamp_min(torch.finfo(excess.dtype).tiny)
    steps = torch.arange(1, grid_size + 1, dtype=excess.dtype, device=excess.device) - 0.5
    theta = 1 / largest + (1 - torch.sqrt(grid_size / steps)).unsqueeze(1) / (3 * quartile)
    shapes = torch.stack([torch.log1p(-t * excess).mean(0) for t in theta])  # [grid, B]
    log_profile = size * (torch.log(-theta / shapes) - shapes - 1)
    weights = torch.softmax(log_profile.nan_to_num(-math.inf), 0)
    best = (weights * theta).sum(0)
    shape = torch.log1p(-best * excess).mean(0)
    return (shape * size + 0.5 * 10) / (size + 10)


def nats_to_bits_per_dim(nats: Tensor, num_dims: int) -> Tensor:
    """Nats per datum as bits per dimension.

    A log-density of continuous data gives bits/dim relative to the unit of measurement, not a
    code length.

    Example:
        >>> nats_to_bits_per_dim(torch.tensor(8 * math.log(2)), num_dims=8)
        tensor(1.)
    """
    return nats / (num_dims * math.log(2))
