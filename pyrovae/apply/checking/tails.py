"""Where an observed statistic lies among its replicates: tail probabilities."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Tails:
    r"""Tail probabilities of M observed values among R replicates of each.

    The observed value counts as one more replicate, so that no probability is zero. Where the
    observed and the replicated values are exchangeable, P(upper <= a) <= a for all a, and likewise
    of `lower` and `two_sided`, at any R.

    Attributes:
        upper: P(replicate >= observed) [M].
        lower: P(replicate <= observed) [M].
        mid: P(replicate > observed) + P(replicate = observed) / 2 [M], which unlike `upper` is not
            too large where values tie, as those of counts and of discrete data do.
        two_sided: Twice the smaller tail, one at most [M].
        error: Monte Carlo standard error of `mid` [M]; where values tie it is an upper bound.

    Source:
        Monte Carlo p-values: Phipson & Smyth (2010), https://arxiv.org/abs/1603.05766; mid-p:
        Lancaster (1961), Significance tests in discrete distributions
    """

    upper: Tensor
    lower: Tensor
    mid: Tensor
    two_sided: Tensor
    error: Tensor

    @staticmethod
    def of(observed: Tensor, replicated: Tensor) -> "Tails":
        """From observed values [M], or [R, M] where each replicate has its own, and [R, M]."""
        size = len(replicated) + 1
        above = (replicated > observed).sum(0).double()
        ties = (replicated == observed).sum(0).double() + 1
        upper, lower = (above + ties) / size, 1 - above / size
        mid = (above + ties / 2) / size
        return Tails(
            upper=upper,
            lower=lower,
            mid=mid,
            two_sided=(2 * torch.minimum(upper, lower)).clamp(max=1),
            error=(mid * (1 - mid) / (size - 1)).sqrt(),
        )


def overall_deviations(observed: Tensor, replicated: Tensor) -> tuple[Tensor, Tensor]:
    """The root mean square of M standardised deviations: of the observed and of replicates.

    Mean and standard deviation are of the R + 1 together, so that the results stay exchangeable
    where the values are: one test for all M at once, however they depend on each other.

    Args:
        observed: [M].
        replicated: [R, M].

    Returns:
        [1], and [R, 1].
    """
    every = torch.cat([observed[None], replicated])
    spread = every.std(0, unbiased=False)
    scaled = (every - every.mean(0)) / torch.where(spread > 0, spread, math.inf)
    overall = scaled.square().mean(1, keepdim=True).sqrt()
    return overall[0], overall[1:]
