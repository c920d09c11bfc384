"""A particle filter whose proposals come from an amortised guide."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

State = tuple[Tensor, ...]
"""What particles carry from step to step, each [K, B, ...]."""

Advance = Callable[[int, State | None], tuple[State, Tensor]]
"""Draws step t of K particles and gives their new state and log-weights [K, B]."""


@dataclass(frozen=True)
class Filtered:
    """Particles of the last step, all of one weight.

    Attributes:
        state: What they carry, each [K, B, ...].
        log_evidence: log of an unbiased estimate of p(x) [B].
        ess: The smallest effective sample size of any step [B]; of a few, the particles and the
            estimate are poor.
    """

    state: State
    log_evidence: Tensor
    ess: Tensor


def guided_filter(advance: Advance, num_steps: int, inside: Tensor | None = None) -> Filtered:
    """Filter sequences: propose a step by the guide, weigh, resample where few particles count.

    A guide that has seen all of a sequence proposes for the steps to come as well, so that its
    weights even out towards the end: a good one needs no resampling at all. So particles are
    resampled only where the effective sample size is below K / 5, and at the end.

    Args:
        advance: See `Advance`. The log-weight is log p(z_t | z_(t-1)) + log p(x_t | z_t) -
            log q(z_t | z_(t-1), x).
        num_steps: T.
        inside: Which steps belong to the sequence, bool [B, T]; particles of a sequence that has
            ended stay as they are.

    Source:
        Filtering via Simulation: Auxiliary Particle Filters (Pitt & Shephard, 1999); A Tutorial
        on Particle Filtering and Smoothing (Doucet & Johansen, 2009), sec. 3.3
    """
    state, log_w = advance(0, None)
    count = len(log_w)
    log_w = log_w - math.log(count)
    log_evidence = torch.zeros_like(log_w[0])
    worst = torch.full_like(log_evidence, float(count))
    for t in range(num_steps):
        if t:
            moved, gained = advance(t, state)
            if inside is not None:
                goes_on = inside[:, t]
                gained = torch.where(goes_on, gained, 0.0)
                moved = tuple(
                    torch.where(_like(goes_on, new), new, old)
                    for new, old in zip(moved, state, strict=True)
                )
            state, log_w = moved, log_w + gained
        total = log_w.logsumexp(0)
        log_evidence, log_w = log_evidence + total, log_w - total
        ess = 1 / log_w.exp().square().sum(0)
        worst = torch.minimum(worst, ess)
        degenerate = (ess < count / 5) | (t == num_steps - 1)
        rows = _systematic(log_w.exp())
        rows = torch.where(degenerate, rows, torch.arange(count, device=rows.device)[:, None])
        state = tuple(_taken(part, rows) for part in state)
        log_w = torch.where(degenerate, -math.log(count), log_w)
    return Filtered(state, log_evidence, worst)


def _systematic(weights: Tensor) -> Tensor:
    """Rows by weight [K, B], each as often as its weight says, up to one."""
    count, batch = weights.shape
    at = torch.arange(count, device=weights.device).to(weights)[:, None]
    at = (at + torch.rand(batch, dtype=weights.dtype, device=weights.device)) / count
    ends = weights.cumsum(0).T.contiguous()
    return torch.searchsorted(ends, at.T.contiguous()).clamp(max=count - 1).T


def _taken(part: Tensor, rows: Tensor) -> Tensor:
    index = rows.reshape(*rows.shape, *(1,) * (part.dim() - 2))
    return part.gather(0, index.expand(part.shape))


def _like(chosen: Tensor, part: Tensor) -> Tensor:
    return chosen.reshape(1, -1, *(1,) * (part.dim() - 2))
