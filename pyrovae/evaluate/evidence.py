"""Evidence log p(x) by importance sampling, datum by datum."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..math import (
    MIN_PARTICLES_PARETO,
    effective_sample_size,
    log_mean_exp,
    log_mean_exp_error,
    pareto_k_limit,
    pareto_smooth,
)
from ..particles import Particles
from ..particles.modes import Mode
from ..particles.tracing import Program
from ..runtime.distributed import Team, join
from .collect import Compile, collect
from .sweep import Data, Sweep, as_tensors, mean_error, monte_carlo_error, to_host
from .validity import check_weights


@dataclass(frozen=True, eq=False)
class Evidence:
    """Importance-sampling estimates of log p(x), in nats, float64 on the CPU.

    An estimate is low by about half its squared standard error, and by an unknown amount where
    k-hat says that the weights' tail was not seen.

    Attributes:
        log_px: Log of the mean weight [N].
        standard_error: Monte-Carlo standard error of each, by the delta method [N]; NaN at K = 1.
        ess: Effective number of particles, between 1 and K [N].
        k_hat: Shape of the weights' tail [N]: above `threshold` an estimate should not be
            trusted. Minus infinity where the weights are equal, or are a few values that repeat;
            NaN below 25 particles and where it is not known; see `pyrovae.math.pareto_k`.
        log_px_psis: Log of the mean Pareto-smoothed weight [N]: of less variance, and no longer a
            lower bound in expectation. NaN below 25 particles.
        num_particles: K.
        num_nan: How many of the K weights are not a number [N].
        num_infinite: How many are infinite [N]. (A weight of zero is neither.)
        not_finite_sites: Sites whose log-densities are NaN or beyond what a float holds, and of
            how many data.
    """

    log_px: Tensor
    standard_error: Tensor
    ess: Tensor
    k_hat: Tensor
    log_px_psis: Tensor
    num_particles: int
    num_nan: Tensor
    num_infinite: Tensor
    not_finite_sites: Mapping[str, int]

    @property
    def threshold(self) -> float:
        """Largest k-hat at which K particles suffice: min(1 - 1 / log10 K, 0.7)."""
        return pareto_k_limit(self.num_particles)

    @property
    def trusted(self) -> Tensor:
        """Whether k-hat is known and below `threshold` [N]; it may be too optimistic, never proof.

        In many dimensions the tail may never have been visited.
        """
        return self.k_hat < self.threshold

    def mean(self) -> float:
        """Mean of log p(x) over the data."""
        return float(self.log_px.mean())

    def mean_standard_error(self) -> float:
        """Standard error of `mean` as an estimate for new data: their spread, sampling included.

        NaN for a single datum.
        """
        return mean_error(self.log_px)

    def monte_carlo_error(self) -> float:
        """The part of it that more particles would remove: what another seed would change."""
        return monte_carlo_error(self.standard_error)

    def summary(self) -> dict[str, float]:
        """The figures of a table: nats per datum, ESS and k-hat (median and worst of those known).

        "nan" and "infinite" count weights, of all data together.
        """
        return {
            "log_px": self.mean(),
            "standard_error": self.mean_standard_error(),
            "monte_carlo_error": self.monte_carlo_error(),
            "ess_median": float(self.ess.median()),
            "ess_min": float(self.ess.min()),
            "k_hat_median": float(self.k_hat.nanmedian()),
            "k_hat_max": _largest(self.k_hat),
            "k_hat_above_0.7": float((self.k_hat > 0.7).double().mean()),
            "log_px_psis": float(self.log_px_psis.mean()),
            "k_hat_threshold": self.threshold,
            "trusted": float(self.trusted.double().mean()),
            "nan": int(self.num_nan.sum()),
            "infinite": int(self.num_infinite.sum()),
            "num_data": self.log_px.numel(),
            "num_particles": self.num_particles,
        }

    def __str__(self) -> str:
        s = self.summary()
        return (
            f"log p(x) {s['log_px']:.3f} +- {s['standard_error']:.3f} nats "
            f"(Monte Carlo {s['monte_carlo_error']:.3f}) over {s['num_data']} data, "
            f"K = {s['num_particles']}; ESS median {s['ess_median']:.1f}, worst "
            f"{s['ess_min']:.1f}; k-hat median {s['k_hat_median']:.2f}, worst "
            f"{s['k_hat_max']:.2f}; {self._not_finite()}{self._verdict()}"
        )

    def _not_finite(self) -> str:
        """How many weights are not finite, and which sites make them so."""
        data = int(((self.num_nan > 0) | (self.num_infinite > 0)).sum())
        if not data:
            return ""
        sites = ", ".join(f"'{n}' of {count}" for n, count in self.not_finite_sites.items())
        where = f"density of {sites} data" if sites else "differences of infinite densities"
        return (
            f"{int(self.num_nan.sum())} weights are NaN and {int(self.num_infinite.sum())} "
            f"infinite, at {data} of {self.k_hat.numel()} data ({where} not finite); "
        )

    def _verdict(self) -> str:
        total, unknown = self.trusted.numel(), int(self.k_hat.isnan().sum())
        if unknown == total:
            return (
                f"whether to trust it is not known: k-hat needs K >= {MIN_PARTICLES_PARETO} and "
                "finite weights above zero, whose largest are no chance repeats"
            )
        limit = f"k-hat {self.threshold:.2f}, the limit at K = {self.num_particles}"
        left, ways = total - int(self.trusted.sum()), "raise K, improve the guide, or anneal"
        if left == 0:
            return f"every datum is below {limit}"
        if unknown == 0:
            why = f", which are not below {limit}"
        else:
            why = f": {left - unknown} are not below {limit}, and of {unknown} k-hat is not known"
        return f"do not trust {left} of {total} data{why}: {ways} with `ais`"


def log_evidence(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 5000,
    chunk: int | None = None,
    rows: int | None = None,
    memory: int | None = None,
    seed: int | None = None,
    batch_plate: str | None = "auto",
    vectorize_particles: bool = True,
    mode: Mode = "evaluation",
    compile: Compile = False,
    progress: bool = False,
    sharded: bool = False,
) -> Evidence:
    """Estimate log p(x) of each datum by importance sampling with the guide as proposal.

    Its expectation is the importance-weighted bound of K particles, which rises to log p(x) with
    K. Scales of the pair (subsampled plates, `poutine.scale`) do not enter.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...]: a tensor, several with equal N, or a split.
        num_particles: K, honoured exactly.
        chunk: Particles times data evaluated at once. Memory grows with it, and the time per
            datum falls until the arithmetic hides the overhead of a draw.
        rows: Data evaluated at once; N for a pair that holds parameters per datum.
        memory: Bytes by which `chunk` is chosen where it is not given.
        seed: Of the draws; see `Sweep`, as for the remaining arguments. Tensors among `args`
            with N rows are cut as the data are, everything else is handed on whole.
        batch_plate: None estimates the joint evidence of all data, N = 1 in the result.
        mode: "evaluation" puts the pair's networks into evaluation mode and back, so that a datum
            has one value, whatever others it is measured with; "as is" keeps what is.
        sharded: The ranks that torchrun started share the work by rows. Each calls with all data
            and gets all results, those of one process. Alone, nothing is shared.
        compile: Capture the draw with its weights as one graph and run it compiled: on a CPU to
            the same result but for rounding, on a GPU with other draws. "auto" where there are a
            thousand draws of `chunk` or more, and so time to win back the seconds that compiling
            costs. What cannot be captured runs eagerly with a `CaptureWarning` that says why.

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
    sweep = Sweep(
        model,
        guide,
        x,
        args,
        num_particles=num_particles,
        chunk=chunk,
        rows=rows,
        memory=memory,
        seed=seed,
        batch_plate=batch_plate,
        vectorize_particles=vectorize_particles,
        mode=mode,
        progress=progress,
        team=join(as_tensors(x)[0].device) if sharded else Team(),
    )
    blocks = collect(sweep, _log_weights, _statistics, compile=compile)
    columns = zip(*(numbers for numbers, _ in blocks), strict=True)
    log_px, error, ess, k_hat, smoothed, num_nan, num_infinite = map(to_host, columns)
    sites = {name: sum(int(found[name]) for _, found in blocks) for name in blocks[0][1]}
    return Evidence(
        log_px=log_px,
        standard_error=error,
        ess=ess,
        k_hat=k_hat,
        log_px_psis=smoothed,
        num_particles=num_particles,
        num_nan=num_nan.long(),
        num_infinite=num_infinite.long(),
        not_finite_sites={name: count for name, count in sites.items() if count},
    )


_Drawn = tuple[Tensor, dict[str, Tensor]]
"""Log weights [k, b], and by site which data have a log-density that is not finite [b]."""


def _log_weights(p: Particles) -> _Drawn:
    check_weights(p, "log_evidence")
    bad: dict[str, Tensor] = {}
    for sites, lowest in ((p.model_sites, math.inf), (p.guide_sites, -math.inf)):
        for name, site in sites.items():
            # Data outside a model's support have a density of zero, a draw of the guide has not.
            wrong = site.log_prob.isnan() | site.log_prob.isinf() & (site.log_prob >= lowest)
            found = wrong.any(0).expand(p.batch_size)
            bad[name] = bad[name] | found if name in bad else found
    return p.log_w, bad


def _statistics(drawn: list[_Drawn]) -> tuple[tuple[Tensor, ...], dict[str, int]]:
    """7 x [b], in main memory, and by site of how many data it is not finite."""
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
    found = log_mean_exp(log_w), error, ess, k_hat, log_mean_exp(smooth), *not_finite
    return tuple(tensor.cpu() for tensor in found), bad


def _largest(k_hat: Tensor) -> float:
    """Of those that are known; NaN where none is."""
    known = k_hat[~k_hat.isnan()]
    return float(known.max()) if known.numel() else math.nan
