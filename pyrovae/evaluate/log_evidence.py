"""Evidence log p(x) by importance sampling, datum by datum."""

import math
from typing import Any, Unpack

import torch
from torch import Tensor

from ..math import (
    MIN_PARTICLES_PARETO,
    effective_sample_size,
    log_mean_exp,
    log_mean_exp_error,
    pareto_smooth,
)
from ..particles import Particles
from ..particles.pair import takes_pair
from ..particles.tracing import Program
from ..runtime.distributed import join
from .collect import Compile, collect
from .evidence import Evidence
from .inputs import Data
from .options import SweepOptions
from .rise import estimates_at
from .sweep import joined, sweep_over, sweeps
from .validity import check_weights


@takes_pair
@sweeps
def log_evidence(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 5000,
    compile: Compile = "auto",
    sharded: bool = False,
    **options: Unpack[SweepOptions],
) -> Evidence:
    """Estimate log p(x) of each datum by importance sampling with the guide as proposal.

    Its expectation is the importance-weighted bound of K particles, which rises to log p(x) with
    K. Scales of the pair (subsampled plates, `poutine.scale`) do not enter.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        num_particles: K, honoured exactly.
        compile: Capture the draw with its weights as one graph and run it compiled: on a CPU to
            the same result but for rounding and in about two thirds of the time, on a GPU with
            other draws. "auto" does so once the draws ahead would take twenty seconds eagerly
            (with `sharded`, and on a GPU: in a sweep of a thousand draws of `chunk`), and so win
            back what compiling costs. What cannot be captured runs eagerly; True says why in a
            `CaptureWarning`. False gives the same bits each time.
        sharded: The ranks that torchrun started share the work by rows. Each calls with all data
            and gets all results, those of one process. Alone, nothing is shared.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`. Tensors among `args` with N rows
            are cut as the data are; other arguments are passed whole. With `batch_plate=None`
            the result is the joint evidence of all data, N = 1.

    Raises:
        ConfigError: The model's prior is improper, or the guide a point mass: no weights of such
            a pair estimate p(x).
        PlateError: The pair draws its own subsample of the rows that it is given.

    Source:
        Importance Weighted Autoencoders (Burda et al., 2016), sec. 5,
        https://arxiv.org/abs/1509.00519; ESS, k-hat and smoothing: see `pyrovae.math`; the limit
        of k-hat: Vehtari et al. (2024), sec. 3.2, https://arxiv.org/abs/1507.02646

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(100, seed=1)
        >>> found = log_evidence(oracle.model, oracle.guide, x, num_particles=200, seed=2)
        >>> exact = oracle.log_px(x).mean().item()
        >>> abs(found.mean() - exact) < 5 * found.monte_carlo_error()
        True
    """
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    if sharded:
        sweep = sweep.again(team=join(sweep.inputs.source.device))
    blocks = collect(sweep, _log_weights, _statistics, compile=compile, keeps_done=True)
    columns = zip(*(numbers for numbers, _ in blocks), strict=True)
    log_px, error, ess, k_hat, smoothed, num_nan, num_infinite, fewer = map(joined, columns)
    sites = {name: sum(int(found[name]) for _, found in blocks) for name in blocks[0][1]}
    found = Evidence(
        log_px=log_px,
        standard_error=error,
        ess=ess,
        log_px_at=fewer.T,
        k_hat=k_hat,
        log_px_psis=smoothed,
        num_particles=num_particles,
        num_nan=num_nan.long(),
        num_infinite=num_infinite.long(),
        not_finite_sites={name: count for name, count in sites.items() if count},
    )
    return blocks.give(found)


_Drawn = tuple[Tensor, dict[str, Tensor]]
"""Log weights [k, b], and by site which data have a log-density that is not finite [b]."""


def _log_weights(p: Particles) -> _Drawn:
    check_weights(p, "log_evidence")
    bad: dict[str, Tensor] = {}
    for sites, lowest in ((p.model_sites, math.inf), (p.guide_sites, -math.inf)):
        for name, site in sites.items():
            # A density of zero is an error for a draw of the guide, not for data of a model.
            wrong = site.log_prob.isnan() | site.log_prob.isinf() & (site.log_prob >= lowest)
            found = wrong.any(0).expand(p.batch_size)
            bad[name] = bad[name] | found if name in bad else found
    return p.log_w, bad


def _statistics(drawn: list[_Drawn]) -> tuple[tuple[Tensor, ...], dict[str, int]]:
    """8 columns on the CPU, and by site at how many data its log-density is not finite."""
    bad = {
        name: int(torch.stack([found[name] for _, found in drawn]).any(0).sum())
        for name in drawn[0][1]
    }
    log_w = torch.cat([weights for weights, _ in drawn]).double()  # [K, b]
    ess = effective_sample_size(log_w)
    smooth, k_hat = math.nan * log_w, math.nan * ess
    if len(log_w) >= MIN_PARTICLES_PARETO:
        smooth, k_hat = pareto_smooth(log_w)
    error = log_mean_exp_error(log_w)
    not_finite = log_w.isnan().sum(0), (log_w == math.inf).sum(0)
    found = (
        log_mean_exp(log_w),
        error,
        ess,
        k_hat,
        log_mean_exp(smooth),
        *not_finite,
        estimates_at(log_w).T,
    )
    return tuple(tensor.cpu() for tensor in found), bad
