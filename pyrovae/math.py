"""Small numerics in log space, over the particle axis."""

import math

import torch
from torch import Tensor

from .errors import ShapeError

MIN_PARTICLES_PARETO = 25
"""Below it the tail of the weights would hold fewer than five."""

_LEAST = 5  # draws of the largest weight, of those that repeat


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

    It misleads when the largest weights were never drawn: read it together with `pareto_k`.

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


def log_mean_exp_error(log_w: Tensor) -> Tensor:
    """Standard error of `log_mean_exp` over K independent weights, by the delta method.

    Args:
        log_w: Log weights [K, B].

    Returns:
        Nats [B]; NaN at K = 1.
    """
    num_particles = log_w.shape[0]
    if num_particles == 1:
        return math.nan * log_w[0]
    # Var(mean w) / (mean w)^2, where K / ESS is the mean square over the squared mean.
    excess = (num_particles / effective_sample_size(log_w) - 1).clamp_min(0)
    return (excess / (num_particles - 1)).sqrt()


def pareto_k(log_w: Tensor) -> Tensor:
    r"""Shape k-hat of a generalised Pareto distribution fitted to the largest weights.

    Below 0.5 the weights have finite variance. Above about 0.7 their mean converges so slowly
    that estimates of most other means, and standard errors, are unreliable; at 1 or more the mean
    of such a tail does not exist. It does not say by how many nats log p(x) is off:
    `EvidenceEstimate.shortfall` does. It is optimistic in high dimensions, where the tail was
    never visited. Its own error is about 0.1 at K = 1000.

    Args:
        log_w: Log importance weights [K, B], K >= 25.

    Returns:
        k-hat [B]. It is minus infinity for bounded weights, of which no tail is fitted: all tail
        weights are equal but for rounding, or are a few values that repeat (discrete latents),
        the largest drawn five times or more. It is NaN where no weight is above zero, one is NaN
        or infinite, or the tail repeats otherwise.

    Raises:
        ShapeError: Fewer than 25 particles: the tail would hold fewer than five.

    Source:
        Zhang & Stephens (2009), A new and efficient estimation method for the generalized Pareto
        distribution; tail size and prior of Vehtari et al. (2024), Pareto smoothed importance
        sampling, https://arxiv.org/abs/1507.02646
    """
    top = _tail(log_w)[0]
    fitted = [_fit_tail(x)[0] for x in _excess(top).split(4096, dim=1)]
    return _without_fit(top, torch.cat(fitted)).to(log_w.dtype)


def pareto_k_limit(num_particles: int) -> float:
    """Largest k-hat at which so many weights suffice: min(1 - 1 / log10 K, 0.7).

    Source:
        Pareto smoothed importance sampling (Vehtari et al., 2024), sec. 3.2,
        https://arxiv.org/abs/1507.02646

    Example:
        >>> round(pareto_k_limit(100), 3), pareto_k_limit(5000)
        (0.5, 0.7)
    """
    return min(1 - 1 / math.log10(num_particles), 0.7) if num_particles > 1 else -math.inf


def pareto_smooth(log_w: Tensor) -> tuple[Tensor, Tensor]:
    r"""Pareto-smoothed importance weights, and `pareto_k` of the raw ones.

    The M largest weights give way to the expected order statistics of the generalised Pareto
    distribution that was fitted to them, none above the largest raw weight. Their mean has less
    variance than that of the raw weights and, unlike it, some bias: its logarithm is no longer a
    lower bound in expectation. Where k-hat is 1 or more the estimate is not better.

    Args:
        log_w: Log importance weights [K, B], K >= 25.

    Returns:
        Log weights [K, B], not normalised, in the places of the raw ones, and k-hat [B]. Where
        nothing can be fitted (k-hat is infinite or NaN) the weights are the raw ones.

    Raises:
        ShapeError: Fewer than 25 particles.

    Source:
        Pareto smoothed importance sampling (Vehtari et al., 2024), sec. 2.3,
        https://arxiv.org/abs/1507.02646

    Example:
        >>> log_w = torch.randn(1000, 2)
        >>> smooth, k_hat = pareto_smooth(log_w)
        >>> bool((smooth <= log_w.max(0).values).all()), k_hat.shape
        (True, torch.Size([2]))
    """
    top, places = _tail(log_w)
    pairs = [_fit_tail(x) for x in _excess(top).split(4096, dim=1)]
    shape, scale = (torch.cat(values) for values in zip(*pairs, strict=True))
    shape = _without_fit(top, shape)
    size = len(top) - 1
    ranks = torch.arange(size, 0, -1, dtype=top.dtype, device=top.device) - 0.5
    log_survival = torch.log1p(-ranks / size).unsqueeze(1)  # descending quantiles, as `top`
    nearly_zero = shape.abs() < 1e-8
    k = torch.where(nearly_zero, torch.ones_like(shape), shape)
    quantiles = torch.where(nearly_zero, -log_survival, torch.expm1(-k * log_survival) / k)
    smooth = torch.log(torch.exp(top[-1] - top[0]) + scale * quantiles).clamp_max(0) + top[0]
    fitted = shape.isfinite() & scale.isfinite()
    smooth = torch.where(fitted, smooth, top[:-1])
    return log_w.scatter(0, places[:-1], smooth.to(log_w.dtype)), shape.to(log_w.dtype)


def _tail(log_w: Tensor) -> tuple[Tensor, Tensor]:
    """The M largest log weights and the next one, descending, with their places [M + 1, B]."""
    num_particles = log_w.shape[0]
    if num_particles < MIN_PARTICLES_PARETO:
        raise ShapeError(
            f"pareto_k got {num_particles} particles, and needs at least {MIN_PARTICLES_PARETO}"
        )
    tail_size = min(num_particles // 5, math.ceil(3 * math.sqrt(num_particles)))
    return torch.topk(log_w.double(), tail_size + 1, dim=0)


def _without_fit(top: Tensor, shape: Tensor) -> Tensor:
    """The shape of the tail, or -inf or NaN where no continuous tail can be fitted [B].

    Weights of discrete latents take as many values as there are states. Where each value of the
    tail was drawn three times on average and the largest often enough, they are bounded.
    """
    size = top[0].abs().clamp_min(1)  # of the rounding of log weights, which sum up terms
    rounding = (1e-6 * size).clamp_max(1e-3).maximum(2e-7 * size)
    num_values = 1 + (top[:-1] - top[1:] > rounding).sum(0)
    few = (3 * num_values <= len(top)) | (num_values == 1)
    bounded = few & ((top[0] - top <= rounding).sum(0) >= min(_LEAST, len(top)))
    lowest = top[len(top) - 1 - max(1, (len(top) - 1) // 4)]  # a quarter of the tail up
    tied = (lowest == top[-1]) & (top[0] > top[-1]) & (top[-1] > -math.inf)
    unknown = ~top[0].isfinite() | tied | (few & (top[-1] > -math.inf))
    return torch.where(unknown, math.nan, shape).masked_fill(
        bounded & top[0].isfinite(), -math.inf
    )


def _excess(top: Tensor) -> Tensor:
    """By how much the tail weights exceed the next one, in units of the largest, ascending."""
    scaled = torch.exp(top - top[0])
    return (scaled[:-1] - scaled[-1]).flip(0)  # [M, B]


def _fit_tail(excess: Tensor) -> tuple[Tensor, Tensor]:
    """Shape, weakly drawn to 1/2, and scale at their profile-posterior mean. [M, B] -> 2 x [B]."""
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
    drawn = (shape * size + 0.5 * 10) / (size + 10)
    return torch.where(excess[-1] == 0, -math.inf, drawn), -shape / best


def nats_to_bits_per_dim(nats: Tensor, num_dims: int) -> Tensor:
    """Nats per datum as bits per dimension.

    A log-density of continuous data gives bits/dim relative to the unit of measurement, not a
    code length.

    Example:
        >>> nats_to_bits_per_dim(torch.tensor(8 * math.log(2)), num_dims=8)
        tensor(1.)
    """
    return nats / (num_dims * math.log(2))
