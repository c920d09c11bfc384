"""Forecasts that take no trained pair: a random walk, and a linear autoregression."""

import torch
from torch import Tensor

from .held_back import HeldBack


def random_walk(data: HeldBack, num_samples: int, generator: torch.Generator) -> Tensor:
    """Draws [S, B, H, D]: the last value, and steps as large as those of the series were."""
    x, lengths = data.x, data.lengths
    inside = _inside(x, lengths)
    steps = x.diff(dim=1)[inside[:, 1:]]  # [M, D]
    scale = steps.std(0, correction=0) if len(steps) else x.new_zeros(x.shape[2])
    last = x[torch.arange(len(x), device=x.device), lengths - 1]
    shape = (num_samples, *data.truth.shape)
    return last.unsqueeze(1) + (scale * _noise(shape, x, generator)).cumsum(2)


def autoregression(
    data: HeldBack,
    train: tuple[Tensor, Tensor],
    order: int,
    num_samples: int,
    generator: torch.Generator,
) -> Tensor:
    """Draws [S, B, H, D] of x_t = c + A_1 x_(t-1) + ... + A_p x_(t-p) + normal noise.

    Fitted by least squares to all series together.

    Args:
        data: What is forecast.
        train: Series [N, T, D] and their lengths [N], to which it is fitted.
        order: p; less where a series is shorter.
        num_samples: S.
        generator: Of the noise.

    Source:
        New Introduction to Multiple Time Series Analysis (Luetkepohl, 2005), sec. 3.2
    """
    kind, (x, lengths) = data.x.dtype, train
    known = x[_inside(x, lengths)].double()
    center, scale = known.mean(0), known.std(0, correction=0)
    scale = torch.where(scale > 0, scale, 1.0)  # the ridge below is a share of it
    x, given = (x - center) / scale, (data.x - center) / scale
    order = max(1, min(order, int(data.lengths.min()), int(lengths.max()) - 1))
    if x.shape[1] == 1:  # no step is known to follow another
        x, lengths = x.new_zeros(1, 2, x.shape[2]), lengths.new_ones(1)
    lagged = x.unfold(1, order + 1, 1)  # [N, T - p, D, p + 1]
    rows = _inside(x, lengths)[:, order:]
    known = lagged[rows]  # [M, D, p + 1], the last is what is predicted
    past, target = known[..., :-1].flatten(1), known[..., -1]
    ones = past.new_ones(len(past), 1)
    design = torch.cat([past, ones], 1)
    ridge = 1e-6 * max(len(design), 1) * torch.eye(design.shape[1]).to(design)
    weight = torch.linalg.solve(design.T @ design + ridge, design.T @ target)
    rest = target - design @ weight
    eye = torch.eye(rest.shape[1]).to(rest)
    cov = rest.T @ rest / len(rest) + 1e-9 * eye if len(rest) else eye
    factor = torch.linalg.cholesky(cov)
    index = data.lengths[:, None] - order + torch.arange(order, device=x.device)
    last = given.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[2]))  # [B, p, D]
    state = last.expand(num_samples, *last.shape)
    found = []
    for _ in range(data.truth.shape[1]):
        seen = state.mT.flatten(2)
        mean = seen @ weight[:-1] + weight[-1]
        drawn = mean + _noise(tuple(mean.shape), mean, generator) @ factor.T
        found.append(drawn)
        state = torch.cat([state[:, :, 1:], drawn.unsqueeze(2)], 2)
    return (torch.stack(found, 2) * scale + center).to(kind)


def _noise(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(like)


def _inside(x: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(x.shape[1], device=x.device) < lengths.unsqueeze(1)
