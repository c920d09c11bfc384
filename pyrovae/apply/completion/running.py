"""What is kept of chains while they run: moments, held-out densities, whether they mix."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...math import effective_sample_size, log_mean_exp, log_mean_exp_error
from .observation import Observation
from .programs import ModelRun, Programs


@dataclass(frozen=True)
class Estimate:
    """Of a log-density in nats, for b data.

    Attributes:
        log_prob: The estimate [b].
        error: Its Monte Carlo standard error [b].
        ess: Effective number of weights or chains that it rests on [b].
    """

    log_prob: Tensor
    error: Tensor
    ess: Tensor

    @classmethod
    def of_weights(cls, log_w: Tensor) -> "Estimate":
        """The log of the mean of independent weights [K, b]."""
        return cls(log_mean_exp(log_w), log_mean_exp_error(log_w), effective_sample_size(log_w))


@dataclass(frozen=True)
class Found:
    """What a method found for b data.

    Attributes:
        x: Completions [S, b, D].
        latents: Of each, by site [S, b, ...].
        mean: Mean of x given what was observed [b, D].
        variance: Its variance by element [b, D].
        log_rest: Log of the mean of p(hidden|z) over draws of z.
        ess: Effective number of importance weights [b]; NaN for chains.
        acceptance: Share of moves that were accepted [b]; NaN without.
        r_hat: Split R-hat, the largest of all latents and of the log-density [b]; NaN without.
    """

    x: Tensor
    latents: dict[str, Tensor]
    mean: Tensor
    variance: Tensor
    log_rest: Estimate
    ess: Tensor
    acceptance: Tensor
    r_hat: Tensor


class Running:
    """Averages over the moves of S chains for each of b data, after they have warmed up.

    Args:
        chains: S.
        num_moves: How many moves are kept, two or more.
    """

    def __init__(self, chains: int, num_moves: int) -> None:
        self._chains, self._half = chains, num_moves // 2
        self._count, self._size = 0, 2 * (num_moves // 2)
        self._sums: list[Tensor] = []
        self._log_rest = torch.tensor(-math.inf)
        self._halves: list[list[Tensor]] = []
        self._origin: Tensor | None = None

    def add(self, pair: Programs, seen: Observation, run: ModelRun) -> None:
        """Add the states of all chains after a move.

        Args:
            pair: Of the block.
            seen: What was observed of the S * b rows.
            run: The model at their latents.
        """
        mean, variance = seen.moments(run.elements)
        parts = [self._apart(t).double() for t in (mean, variance)]
        parts = [parts[0].mean(0), parts[0].square().mean(0) + parts[1].mean(0)]
        before = self._sums or [torch.zeros_like(part) for part in parts]
        self._sums = [a + b for a, b in zip(before, parts, strict=True)]
        rest = self._apart(seen.log_rest(run.elements)).double()
        self._log_rest = torch.logaddexp(self._log_rest.to(rest), rest)
        density = run.log_prior + seen.log_prob(run.elements)
        flat = [v.reshape(len(density), -1) for v in pair.rows(run.latents).values()]
        watched = torch.cat([density.unsqueeze(-1), *flat], -1)
        self._watch(self._apart(watched).double())
        self._count += 1

    def found(self, pair: Programs, x: Tensor, run: ModelRun, acceptance: Tensor | None) -> Found:
        """What the chains found, whose last states are x [S * b, D] and the latents of a run."""
        mean, square = (total / self._count for total in self._sums)
        nothing = torch.full_like(mean[:, 0], math.nan)
        latents = {n: self._apart(v) for n, v in pair.rows(run.latents).items()}
        return Found(
            x=self._apart(x),
            latents=latents,
            mean=mean,
            variance=(square - mean.square()).clamp_min(0),
            log_rest=Estimate.of_weights(self._log_rest - math.log(self._count)),
            ess=nothing,
            acceptance=nothing if acceptance is None else acceptance,
            r_hat=self.r_hat(),
        )

    def r_hat(self) -> Tensor:
        r"""Split R-hat [b]: each chain is cut in two, and the parts are compared.

        Near 1 where they agree; above about 1.05 the chains are to run longer.

        Source:
            Bayesian Data Analysis (Gelman et al., 2013), sec. 11.4
        """
        n = self._half
        if n < 2:
            return torch.full_like(self._sums[0][:, 0], math.nan)
        sums = torch.cat([half[0] for half in self._halves])  # [2 S, b, W]
        squares = torch.cat([half[1] for half in self._halves])
        means = sums / n
        within = ((squares - n * means.square()) / (n - 1)).clamp_min(0).mean(0)
        between = means.var(0)
        ratio = ((n - 1) / n * within + between) / within
        still = between <= 1e-12 * (1 + means.square().mean(0))  # it never moved, and agrees
        return torch.where(still, 1.0, ratio.sqrt()).amax(-1)

    def _watch(self, watched: Tensor) -> None:
        if self._count >= self._size:
            return
        self._origin = watched[0] if self._origin is None else self._origin
        watched = watched - self._origin  # to keep the digits of the variance
        part = [watched, watched.square()]
        if self._count in (0, self._half):
            self._halves.append(part)
        else:
            self._halves[-1] = [a + b for a, b in zip(self._halves[-1], part, strict=True)]

    def _apart(self, rows: Tensor) -> Tensor:
        return rows.reshape(self._chains, -1, *rows.shape[1:])
