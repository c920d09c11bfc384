"""Importance resampling, with guides at several completions as proposal."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InverseError
from ...math import effective_sample_size, log_mean_exp
from .gibbs import started
from .observation import Observation
from .programs import Latents, ModelRun, Programs
from .running import Estimate, Found

_PILOTS = 8  # completions, at which guides propose
_MOVES = 20  # of pseudo-Gibbs, that find them


@dataclass(frozen=True)
class Importance:
    r"""Draws of z by importance weights :math:`p(observed, z) / q(z)`, resampled.

    The guide takes complete data, and completions differ. So q is the mixture of the guides at
    eight completions, which short chains of pseudo-Gibbs find; the weights are those of the
    mixture. (Where the guide cannot score latents that it did not draw, each draw is weighted by
    its own guide.) Several completions of a datum may share a draw of z: read the ESS.

    Args:
        num_draws: S, completions.
        num_particles: K, of z, better many times S.

    Source:
        Sampling importance resampling: Rubin (1988); mixture weights: Veach & Guibas (1995),
        https://doi.org/10.1145/218380.218498
    """

    num_draws: int
    num_particles: int

    def __call__(self, pair: Programs, seen: Observation, x: Tensor) -> Found:
        """Draw; see `Gibbs`."""
        proposed = propose(pair, seen, pilots(pair, seen, x), self.num_particles)
        count, size = len(proposed.x) // len(x), len(x)
        several = seen.repeated(count)
        log_w = proposed.log_w
        shares = log_w.softmax(0).unsqueeze(-1)  # [K, b, 1]
        mean, variance = (
            t.double().reshape(count, *x.shape) for t in several.moments(proposed.run.elements)
        )
        middle = (shares * mean).sum(0)
        spread = (shares * (variance + (mean - middle).square())).sum(0)
        rest = several.log_rest(proposed.run.elements).double().reshape(log_w.shape)
        chosen = shares[..., 0].T.multinomial(self.num_draws, replacement=True)  # [b, S]
        rows = (chosen * size + torch.arange(size, device=chosen.device)[:, None]).T.flatten()
        latents = pair.rows(proposed.run.latents, rows)
        resampled = seen.repeated(self.num_draws)
        x = x.repeat(self.num_draws, 1)
        made = resampled.draw(pair.model(x, pair.back(latents)).elements)
        nothing = torch.full_like(middle[:, 0], math.nan)
        return Found(
            x=made.reshape(self.num_draws, size, -1),
            latents={n: v.reshape(-1, size, *v.shape[1:]) for n, v in latents.items()},
            mean=middle,
            variance=spread,
            log_rest=_ratio(log_w, rest),
            ess=effective_sample_size(log_w),
            acceptance=nothing,
            r_hat=nothing,
        )


@dataclass(frozen=True)
class Proposed:
    """K draws of z for each of b data.

    Attributes:
        log_w: log p(observed, z) - log q(z) [K, b], float64.
        run: The model at them.
        x: With stand-ins [K * b, D].
    """

    log_w: Tensor
    run: ModelRun
    x: Tensor


def pilots(pair: Programs, seen: Observation, x: Tensor) -> Tensor:
    """Completions by a few moves of pseudo-Gibbs [M, b, D]."""
    several = seen.repeated(_PILOTS)
    x = started(pair, several, x.repeat(_PILOTS, 1))
    for _ in range(_MOVES):
        x = several.draw(pair.from_guide(x).elements)
    return x.reshape(_PILOTS, -1, x.shape[-1])


def propose(pair: Programs, seen: Observation, at: Tensor, num_particles: int) -> Proposed:
    """Draws of the mixture of the guides at completions [M, b, D], and their weights.

    Args:
        pair: Of the block.
        seen: What was observed of its b data.
        at: The completions.
        num_particles: K; rounded up to a multiple of M.
    """
    each = math.ceil(num_particles / len(at))
    x = at.repeat_interleave(each, 0).flatten(0, 1)  # [K * b, D]
    z, log_q = pair.guide(x)
    run = pair.model(x, z)
    log_w = run.log_prior + seen.repeated(each * len(at)).log_prob(run.elements)
    log_q = _of_mixture(pair, z, log_q, at, each)
    log_w = (log_w - log_q).double().reshape(-1, at.shape[1])
    return Proposed(log_w.nan_to_num(nan=-math.inf), run, x)


def evidence(
    pair: Programs, seen: Observation, at: Tensor, num_particles: int, at_once: int
) -> Estimate:
    """log p(observed) by the same proposal."""
    size = max(1, at_once // (at.shape[1] * len(at))) * len(at)
    starts = range(0, num_particles, size)
    parts = [propose(pair, seen, at, min(size, num_particles - start)) for start in starts]
    return Estimate.of_weights(torch.cat([part.log_w for part in parts]))


def _of_mixture(pair: Programs, z: Latents, log_q: Tensor, at: Tensor, each: int) -> Tensor:
    if len(at) == 1:
        return log_q
    found = []
    try:
        for completion in at:
            found.append(pair.guide(completion.repeat(each * len(at), 1), z)[1])
    except InverseError:
        return log_q
    return log_mean_exp(torch.stack(found))


def _ratio(log_w: Tensor, rest: Tensor) -> Estimate:
    """log sum(w r) - log sum(w), with its error by the delta method."""
    upper, lower = (log_w + rest).softmax(0), log_w.softmax(0)
    return Estimate(
        (log_w + rest).logsumexp(0) - log_w.logsumexp(0),
        (upper - lower).square().sum(0).sqrt(),
        effective_sample_size(log_w + rest),
    )
