"""Evidence log p(x) by annealed importance sampling, datum by datum."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...math import effective_sample_size, log_mean_exp, log_mean_exp_error
from ...particles.modes import Mode
from ...particles.tracing import Program
from ..sweep import Block, Data, Sweep, mean_error, monte_carlo_error, to_host
from .base import Annealer, Schedule, Start, Transition


@dataclass(frozen=True, eq=False)
class Annealed:
    """Annealed estimates of log p(x), in nats, float64 on the CPU; in expectation lower bounds.

    Attributes:
        log_px: Log of the mean weight of the chains [N].
        standard_error: Monte-Carlo standard error of each, by the delta method [N]; NaN at K = 1.
        ess: Effective number of chains, between 1 and K [N].
        acceptance: Mean acceptance probability of the moves [N]; NaN where HMC made none.
        step_size: Of the last move, in units of the start's standard deviations [N].
        num_particles: Chains K.
        num_temperatures: Intervals T of the path.
        start: Where the path begins, "guide" or "prior".
    """

    log_px: Tensor
    standard_error: Tensor
    ess: Tensor
    acceptance: Tensor
    step_size: Tensor
    num_particles: int
    num_temperatures: int
    start: Start

    def mean(self) -> float:
        """Mean of log p(x) over the data."""
        return float(self.log_px.mean())

    def mean_standard_error(self) -> float:
        """Standard error of `mean` as an estimate for new data; NaN for a single datum."""
        return mean_error(self.log_px)

    def monte_carlo_error(self) -> float:
        """The part of it that more chains would remove: what another seed would change."""
        return monte_carlo_error(self.standard_error)

    def summary(self) -> dict[str, float]:
        """The figures of a table: nats per datum, ESS and acceptance (median and worst)."""
        return {
            "log_px": self.mean(),
            "standard_error": self.mean_standard_error(),
            "monte_carlo_error": self.monte_carlo_error(),
            "ess_median": float(self.ess.median()),
            "ess_min": float(self.ess.min()),
            "acceptance_median": float(self.acceptance.median()),
            "acceptance_min": float(self.acceptance.min()),
            "num_data": self.log_px.numel(),
            "num_particles": self.num_particles,
            "num_temperatures": self.num_temperatures,
        }

    def __str__(self) -> str:
        s = self.summary()
        return (
            f"log p(x) {s['log_px']:.3f} +- {s['standard_error']:.3f} nats "
            f"(Monte Carlo {s['monte_carlo_error']:.3f}) over {s['num_data']} data, annealed from "
            f"the {self.start} over {self.num_temperatures} temperatures, {self.num_particles} "
            f"chains; ESS median {s['ess_median']:.1f}, worst {s['ess_min']:.1f}; acceptance "
            f"median {s['acceptance_median']:.2f}, worst {s['acceptance_min']:.2f}"
        )


def ais(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 16,
    num_temperatures: int = 100,
    start: Start = "guide",
    schedule: Schedule = "sigmoid",
    num_leapfrog: int = 10,
    target_acceptance: float = 0.65,
    transition: Transition | None = None,
    chunk: int | None = None,
    rows: int | None = None,
    memory: int | None = None,
    seed: int | None = None,
    batch_plate: str | None = "auto",
    vectorize_particles: bool = True,
    mode: Mode = "evaluation",
    progress: bool = False,
) -> Annealed:
    r"""Estimate log p(x) of each datum along :math:`q(z|x)^{1-\beta} p(x,z)^\beta`.

    Chains start as draws of the guide (or the prior) and follow the path to the posterior by
    Hamiltonian Monte Carlo. The mean weight is p(x) in expectation whatever the moves are worth,
    so that `log_px` is a lower bound in expectation; few temperatures and poor moves loosen it,
    and the standard error does not show how far. Step sizes come from chains of their own,
    which run first and are thrown away. `bdmc` says how tight it is, on simulated data.

    Costs about `2 * num_temperatures * num_leapfrog` gradients of the model per chain, the half
    of them for the step sizes up to 100 temperatures, and a vanishing part above.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`; its latents are continuous.
            Constrained ones are moved in unconstrained coordinates.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...]: a tensor, several with equal N, or a split.
        num_particles: Chains K per datum.
        num_temperatures: Intervals T of the path; one is plain importance sampling.
        start: "guide", or "prior" where the guide is poor or cannot score latents that it did
            not draw (planar flows, automatic guides).
        schedule: "sigmoid" is dense at both ends of the path, "linear" even.
        num_leapfrog: Leapfrog steps of each move.
        target_acceptance: To which the step size of each datum is adapted.
        transition: Moves to make instead, `transition(latents, beta, *args) -> latents`, with
            latents by site [K, B, ...] and `args` those of the pair for B of the rows.
        chunk: Chains times data moved at once.
        rows: See `log_evidence`, as for the remaining arguments.

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
        >>> found = ais(oracle.model, oracle.guide, x, num_temperatures=5, seed=2)
        >>> abs(found.mean() - oracle.log_px(x).mean().item()) < 5 * found.monte_carlo_error()
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
        together=True,
    )
    annealer = Annealer(
        sweep, start, num_temperatures, schedule, num_leapfrog, target_acceptance, transition
    )

    def run(block: Block) -> tuple[Tensor, ...]:
        (way,) = annealer.run(block)
        log_w = way.log_w
        statistics = log_mean_exp(log_w), log_mean_exp_error(log_w), effective_sample_size(log_w)
        return *statistics, way.acceptance, way.step_size

    log_px, error, ess, acceptance, step_size = map(to_host, zip(*sweep.each(run), strict=True))
    return Annealed(
        log_px=log_px,
        standard_error=error,
        ess=ess,
        acceptance=acceptance,
        step_size=step_size,
        num_particles=num_particles,
        num_temperatures=num_temperatures,
        start=start,
    )
