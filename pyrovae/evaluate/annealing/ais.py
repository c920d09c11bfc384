"""Evidence log p(x) by annealed importance sampling, datum by datum."""

from dataclasses import dataclass
from typing import Any, Unpack

from torch import Tensor

from ...math import effective_sample_size, log_mean_exp, log_mean_exp_error
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..block import Block
from ..evidence import EvidenceEstimate
from ..inputs import Data
from ..rise import estimates_at
from ..sweep import joined
from .base import annealer_over, anneals
from .options import AnnealingOptions, Start


@dataclass(frozen=True, eq=False)
class Annealed(EvidenceEstimate):
    """Annealed estimates of log p(x), in nats, float64 on the CPU; in expectation lower bounds.

    Attributes:
        log_px: Log of the mean weight of the chains [N].
        standard_error: Monte-Carlo standard error of each, by the delta method [N]; NaN at K = 1.
        ess: Effective number of chains, between 1 and K [N].
        acceptance: Mean acceptance probability of the moves [N]; NaN where HMC made none.
        step_size: Of the last move, in units of the start's standard deviations [N].
        num_particles: Chains K.
        log_px_at: The estimate with fewer of the K chains: see `EvidenceEstimate`.
        num_temperatures: Intervals T of the path.
        start: Where the path begins, "guide" or "prior".
    """

    acceptance: Tensor
    step_size: Tensor
    num_temperatures: int
    start: Start

    @property
    def source(self) -> str:
        """How log p(x) was estimated, and how well the chains mixed."""
        s = self.summary()
        return (
            f"annealed importance sampling from the {self.start}, {self.num_temperatures} "
            f"temperatures, {self.num_particles} chains, median ESS {s['ess_median']:.1f}, "
            f"acceptance {s['acceptance_median']:.2f}"
        )

    def summary(self) -> dict[str, float]:
        """The figures of a table: nats per datum, ESS and acceptance (median and worst)."""
        return {
            **self._common_figures(),
            "acceptance_median": float(self.acceptance.median()),
            "acceptance_min": float(self.acceptance.min()),
            "num_data": self.log_px.numel(),
            "num_particles": self.num_particles,
            "num_temperatures": self.num_temperatures,
        }

    @property
    def _how(self) -> str:
        return (
            f"annealed from the {self.start} over {self.num_temperatures} temperatures, "
            f"{self.num_particles} chains"
        )

    @property
    def _way_out(self) -> str:
        return "give more temperatures"

    def _columns(self) -> dict[str, Tensor]:
        return {**super()._columns(), "acceptance": self.acceptance}


@takes_pair
@anneals
def ais(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 16,
    num_temperatures: int = 100,
    start: Start = "guide",
    **options: Unpack[AnnealingOptions],
) -> Annealed:
    r"""Estimate log p(x) of each datum along :math:`q(z|x)^{1-\beta} p(x,z)^\beta`.

    Chains start as draws of the guide (or the prior) and follow the path to the posterior by
    Hamiltonian Monte Carlo. The mean weight is p(x) in expectation for any moves, so `log_px` is
    a lower bound in expectation. Few temperatures and poor moves loosen it, and the standard
    error does not show by how much. `Annealed.verdict` says how far more chains would lift it;
    `bdmc` brackets log p(x) from both sides, on simulated data. Step sizes are adapted on
    chains that run first and are thrown away.

    Costs about `2 * num_temperatures * num_leapfrog` gradients of the model per chain. Half of
    them adapt the step sizes up to 100 temperatures, and fewer above.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`; its latents are continuous.
            Constrained ones are moved in unconstrained coordinates.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        num_particles: Chains K per datum.
        num_temperatures: Intervals T of the path; one is plain importance sampling.
        start: "guide", or "prior" where the guide is poor or cannot score latents that it did
            not draw (planar flows, automatic guides).
        options: `schedule`, `num_leapfrog`, `chunk`, ...: see `AnnealingOptions`.

    Raises:
        ConfigError: An option makes no sense.
        ReparamError: A latent is discrete.
        SiteError: There is no path from this guide to the posterior; see `start`.
        SupportError: The support of a latent depends on another latent.

    Source:
        Annealed importance sampling (Neal, 2001), https://arxiv.org/abs/physics/9803008; for
        decoders, and the sigmoid schedule: On the quantitative analysis of decoder-based
        generative models (Wu et al., 2017), https://arxiv.org/abs/1611.04273

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(20, seed=1)
        >>> found = ais(oracle.model, oracle.guide, x, num_temperatures=5, num_leapfrog=3, seed=2)
        >>> abs(found.mean() - oracle.log_px(x).mean().item()) < 5 * found.monte_carlo_error()
        True
    """
    annealer = annealer_over(
        model, guide, x, args, num_particles, num_temperatures, start, options
    )

    def run(block: Block) -> tuple[Tensor, ...]:
        (found,) = annealer.run(block)
        log_w = found.log_w
        statistics = log_mean_exp(log_w), log_mean_exp_error(log_w), effective_sample_size(log_w)
        return *statistics, found.acceptance, found.step_size, estimates_at(log_w).T

    blocks = annealer.sweep.each(run, keeps_done=True)
    columns = zip(*blocks, strict=True)
    log_px, error, ess, acceptance, step_size, fewer = map(joined, columns)
    found = Annealed(
        log_px=log_px,
        standard_error=error,
        ess=ess,
        log_px_at=fewer.T,
        acceptance=acceptance,
        step_size=step_size,
        num_particles=num_particles,
        num_temperatures=num_temperatures,
        start=start,
    )
    return blocks.give(found)
