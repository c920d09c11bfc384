"""Evidence log p(x) by importance sampling, datum by datum."""

import math
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
from ..modes import Mode
from ..particles import Particles
from ..tracing import Program
from ..train.distributed import Team, join
from .base import Data, Sweep, as_tensors, mean_error, monte_carlo_error, to_host
from .collect import Compile, collect
from .obstacle import check_weights


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
            trusted. NaN below 25 particles.
        log_px_psis: Log of the mean Pareto-smoothed weight [N]: of less variance, and no longer a
            lower bound in expectation. NaN below 25 particles.
        num_particles: K.
    """

    log_px: Tensor
    standard_error: Tensor
    ess: Tensor
    k_hat: Tensor
    log_px_psis: Tensor
    num_particles: int

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
        """The figures of a table: nats per datum, ESS and k-hat (median and worst)."""
        return {
            "log_px": self.mean(),
            "standard_error": self.mean_standard_error(),
            "monte_carlo_error": self.monte_carlo_error(),
            "ess_median": float(self.ess.median()),
            "ess_min": float(self.ess.min()),
            "k_hat_median": float(self.k_hat.nanmedian()),
            "k_hat_max": float(self.k_hat.nan_to_num(-math.inf).max()),
            "k_hat_above_0.7": float((self.k_hat > 0.7).double().mean()),
            "log_px_psis": float(self.log_px_psis.mean()),
            "k_hat_threshold": self.threshold,
            "trusted": float(self.trusted.double().mean()),
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
            f"{s['k_hat_max']:.2f}; {self._verdict()}"
        )

    def _verdict(self) -> str:
        total, trusted = self.trusted.numel(), int(self.trusted.sum())
        if bool(self.k_hat.isnan().all()):
            return (
                f"whether to trust it is not known: k-hat needs K >= {MIN_PARTICLES_PARETO} and "
                "weights above zero"
            )
        limit = f"k-hat {self.threshold:.2f}, the limit at K = {self.num_particles}"
        if trusted == total:
            return f"every datum is below {limit}"
        return (
            f"do not trust {total - trusted} of {total} data, which are not below {limit}: raise "
            "K, improve the guide, or anneal with `ais`"
        )


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
    blocks = collect(
        sweep, _log_weights, lambda chunks: _statistics(torch.cat(chunks)), compile=compile
    )
    log_px, error, ess, k_hat, smoothed = map(to_host, zip(*blocks, strict=True))
    return Evidence(log_px, error, ess, k_hat, smoothed, num_particles)


def _log_weights(p: Particles) -> Tensor:
    check_weights(p, "log_evidence")
    return p.log_w


def _statistics(log_w: Tensor) -> tuple[Tensor, ...]:  # [K, b] -> 5 x [b], in main memory
    log_w = log_w.double()
    ess = effective_sample_size(log_w)
    smooth, k_hat = math.nan * log_w, math.nan * ess
    if len(log_w) >= MIN_PARTICLES_PARETO:
        smooth, k_hat = pareto_smooth(log_w)
    error = log_mean_exp_error(log_w)
    found = log_mean_exp(log_w), error, ess, k_hat, log_mean_exp(smooth)
    return tuple(tensor.cpu() for tensor in found)
