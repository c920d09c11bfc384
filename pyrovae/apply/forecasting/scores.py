"""Scores of forecasts given as draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Interval = tuple[Tensor, Tensor]
"""Lower and upper ends [B, H, D]."""


@dataclass(frozen=True)
class Scores:
    """How good draws of forecasts were; float64 on the CPU.

    Attributes:
        rmse: Root mean squared error of the mean.
        crps: Mean continuous ranked probability score, in units of the data; for a forecast
            without spread it is the mean absolute error.
        coverage: Share of values within the central interval of each level [Q].
        coverage_error: Its standard error, with series as the independent units [Q].
        crps_by_step: [H].
        coverage_by_step: [Q, H].
    """

    rmse: float
    crps: float
    coverage: Tensor
    coverage_error: Tensor
    crps_by_step: Tensor
    coverage_by_step: Tensor


def scores_of(
    draws: Tensor,
    truth: Tensor,
    seen: Tensor,
    levels: Sequence[float],
) -> Scores:
    """Score draws [S, B, H, D] against the truth [B, H, D] where it was seen.

    Args:
        draws: Forecasts.
        truth: What came.
        seen: Where it was observed, bool [B, H, D].
        levels: Of the central intervals that are counted.

    Source:
        Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting & Raftery, 2007),
        eq. 21
    """
    draws, truth = draws.double(), truth.double()
    weight = seen.double()
    error = (draws.mean(0) - truth).square()
    crps = crps_of(draws, truth)
    hits = torch.stack(
        [((truth >= low) & (truth <= high)).double() for low, high in intervals(draws, levels)]
    )  # [Q, B, H, D]
    counts = weight.sum((0, 2)).clamp(min=1)
    total = weight.sum().clamp(min=1)
    coverage = (hits * weight).sum((1, 2, 3)) / total
    # Of a ratio of two sums over series, each of which counts by its values that were seen.
    off = ((hits - coverage[:, None, None, None]) * weight).sum((2, 3))  # [Q, B]
    used = int((weight.sum((1, 2)) > 0).sum())
    spread = off.square().sum(1) * (used / (used - 1) if used > 1 else float("nan"))
    return Scores(
        rmse=float(((error * weight).sum() / total).sqrt()),
        crps=float((crps * weight).sum() / total),
        coverage=coverage,
        coverage_error=spread.sqrt() / total,
        crps_by_step=(crps * weight).sum((0, 2)) / counts,
        coverage_by_step=(hits * weight).sum((1, 3)) / counts,
    )


def intervals(draws: Tensor, levels: Sequence[float]) -> list[Interval]:
    """The central interval of each level, by quantiles of draws [S, ...]."""
    tails = torch.tensor([(1 - level) / 2 for level in levels], dtype=draws.dtype)
    ends = torch.cat([tails, 1 - tails]).to(draws.device)
    low, high = torch.quantile(draws.flatten(1), ends, dim=0).chunk(2)
    shape = draws.shape[1:]
    return [(one.reshape(shape), two.reshape(shape)) for one, two in zip(low, high, strict=True)]


def crps_of(draws: Tensor, truth: Tensor) -> Tensor:
    """E|X - x| - E|X - X'| / 2, without bias from draws [S, ...] of X, at x [...].

    Example:
        >>> crps_of(torch.tensor([0.0, 2.0]), torch.tensor(1.0))
        tensor(0.)
    """
    count = len(draws)
    rank = torch.arange(1, count + 1, device=draws.device, dtype=draws.dtype)
    weight = (2 * rank - count - 1).reshape(-1, *(1,) * truth.dim())
    spread = (weight * draws.sort(0).values).sum(0) / max(count * (count - 1), 1)
    return (draws - truth).abs().mean(0) - spread


def recalibrated(
    draws: Tensor, truth: Tensor, seen: Tensor, levels: Sequence[float]
) -> list[float]:
    """The levels of the intervals that covered shares `levels` of values that are known.

    A value lies within the central interval of level |2 u - 1| and wider, where u is the share of
    the draws below it.

    Args:
        draws: Forecasts of validation series [S, B, H, D].
        truth: What came [B, H, D].
        seen: Where it was observed.
        levels: Shares that are wanted.

    Source:
        Conformalized Quantile Regression (Romano, Patterson & Candes, 2019),
        https://arxiv.org/abs/1905.03222, with levels in the place of widths
    """
    below = (draws < truth).double().mean(0) + 0.5 * (draws == truth).double().mean(0)
    needed = (2 * below - 1).abs()[seen]
    ends = torch.tensor(list(levels), dtype=torch.float64)
    found = torch.quantile(needed, ends).clamp(1e-3, 1 - 1e-3)
    return [float(level) for level in found]
