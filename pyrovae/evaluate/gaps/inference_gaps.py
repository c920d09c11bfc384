"""The inference gap log p(x) - ELBO, split into approximation and amortisation gap."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import pyro
import torch
from torch import Tensor

from ...errors import ConfigError, DataError
from ...math import log_mean_exp, log_mean_exp_error
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..block import Block
from ..collect import Compile
from ..inputs import Data
from ..options import SweepOptions
from ..rise import shortfalls_in
from ..standard_errors import mean_error, monte_carlo_error, over_particles
from ..sweep import joined, sweep_over, sweeps
from ..verdict import judgement
from .optimised_guide import GuideOptimiser

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class InferenceGaps(Result):
    """log p(x) - ELBO in two parts, in nats per datum, float64 on the CPU.

    Attributes:
        log_px: Evidence, as `log_px_route` says [N].
        elbo: Of the guide as it is [N].
        elbo_optimised: Of the best member of its family, found for each datum alone [N].
        approximation_error: Monte-Carlo standard error of `approximation` [N].
        amortisation_error: Monte-Carlo standard error of `amortisation` [N].
        log_px_route: "given", or how it was estimated.
        num_particles: K, over which the bounds are averaged.
    """

    log_px: Tensor
    elbo: Tensor
    elbo_optimised: Tensor
    approximation_error: Tensor
    amortisation_error: Tensor
    log_px_route: str
    num_particles: int

    @property
    def inference(self) -> Tensor:
        """The whole gap log p(x) - ELBO = KL(q(z|x) || p(z|x)) [N]."""
        return self.log_px - self.elbo

    @property
    def approximation(self) -> Tensor:
        """Log p(x) minus the ELBO of the best member of the guide's family [N]."""
        return self.log_px - self.elbo_optimised

    @property
    def amortisation(self) -> Tensor:
        """The ELBO of the best member of the guide's family minus that of the guide [N]."""
        return self.elbo_optimised - self.elbo

    def summary(self) -> dict[str, float]:
        """The figures of a table: means over the data in nats, and their Monte-Carlo errors."""
        return {
            "log_px": float(self.log_px.mean()),
            "elbo": float(self.elbo.mean()),
            "elbo_optimised": float(self.elbo_optimised.mean()),
            "inference": float(self.inference.mean()),
            "inference_standard_error": mean_error(self.inference),
            "approximation": float(self.approximation.mean()),
            "approximation_monte_carlo_error": monte_carlo_error(self.approximation_error),
            "amortisation": float(self.amortisation.mean()),
            "amortisation_monte_carlo_error": monte_carlo_error(self.amortisation_error),
            "num_data": self.elbo.numel(),
            "num_particles": self.num_particles,
        }

    def cells(self) -> list[list[str]]:
        return [["mean per datum", "nats", "+-", "Monte Carlo"]] + [
            [
                name,
                f"{float(values.mean()):.3f}",
                f"{mean_error(values):.3f}",
                "" if noise is None else f"{monte_carlo_error(noise):.3f}",
            ]
            for name, values, noise in self._rows()
        ]

    def notes(self) -> list[str]:
        return [f"{self.elbo.numel():,} data; log p(x): {self.log_px_route}"]

    def records(self) -> list[dict[str, Any]]:
        return [
            {
                "term": name,
                "nats": float(values.mean()),
                "standard_error": mean_error(values),
                "monte_carlo_error": None if noise is None else monte_carlo_error(noise),
            }
            for name, values, noise in self._rows()
        ]

    def numbers(self) -> dict[str, Any]:
        return {**self.summary(), "log_px_route": self.log_px_route}

    def arrays(self) -> dict[str, Tensor]:
        """By datum [N]."""
        names = ("log_px", "elbo", "elbo_optimised", "approximation", "amortisation")
        return {name: getattr(self, name) for name in names}

    def plot(self) -> "Figure":
        """Both gaps as histograms over the data."""
        from ...plots.values import distributions  # matplotlib is slow to import

        parts = {"approximation": self.approximation, "amortisation": self.amortisation}
        mean = float(self.inference.mean())
        return distributions(
            parts, label="gap, nats", title=f"inference gap: mean {mean:.3f} nats"
        )

    def _rows(self) -> list[tuple[str, Tensor, Tensor | None]]:
        """Names, values by datum, and their Monte-Carlo errors where they are known."""
        return [
            ("log p(x)", self.log_px, None),
            ("ELBO", self.elbo, None),
            ("ELBO, optimised guide", self.elbo_optimised, None),
            ("inference gap", self.inference, None),
            ("  approximation", self.approximation, self.approximation_error),
            ("  amortisation", self.amortisation, self.amortisation_error),
        ]


@takes_pair
@sweeps
def inference_gaps(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    log_px: Tensor | None = None,
    num_steps: int = 300,
    learning_rate: float = 0.05,
    step_particles: int = 16,
    num_particles: int = 2000,
    compile: Compile = "auto",
    **options: Unpack[SweepOptions],
) -> InferenceGaps:
    """Split log p(x) - ELBO into approximation and amortisation gap, datum by datum.

    Each datum gets shifts of the unconstrained parameters of the guide's distributions, and Adam
    raises its ELBO from where the guide stands, with new noise in every step and a step size that
    falls to zero. Both guides are then measured with the same noise. A parameter that depends on
    an earlier latent still does, and is shifted by a number per datum. Of a flow, the base is
    optimised. Point masses that follow other latents stay as they are.

    Too few steps make the approximation gap too large and the amortisation gap too small, by the
    same amount.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        log_px: Evidence [N] where it is known (`ais(...).log_px`, an oracle's). Else it is
            estimated by importance sampling with the optimised guides, `num_particles` draws.
        num_steps: Of Adam.
        learning_rate: Of Adam at the first step, in units of the unconstrained parameters.
        step_particles: Draws per datum in each step.
        num_particles: K, over which both bounds are averaged in the end.
        compile: Capture the gradient of a step as a graph that all blocks share: see
            `AnnealingOptions`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: `num_steps`, `step_particles` or `learning_rate` is not positive, or there is
            no such `compile`.
        DataError: `log_px` is not [N].
        ParameterError: The parameters of a site's distribution cannot be reached, or no site has
            any.
        ReparamError: A latent has no reparameterised sampler.

    Source:
        Inference suboptimality in variational autoencoders (Cremer, Li & Duvenaud, 2018),
        https://arxiv.org/abs/1801.03558

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(20, seed=1)
        >>> found = inference_gaps(
        ...     oracle.model, oracle.guide, x, log_px=oracle.log_px(x), num_steps=60, seed=2
        ... )
        >>> torch.allclose(found.inference, oracle.kl_to_posterior(x), atol=0.1)
        True
    """
    for name, value in (
        ("num_steps", num_steps),
        ("step_particles", step_particles),
        ("learning_rate", learning_rate),
    ):
        if value <= 0:
            raise ConfigError(f"{name} is {value}, and must be positive")
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    size = 1 if sweep.batch_plate is None else sweep.num_data
    if log_px is not None and log_px.shape != (size,):
        raise DataError(f"log_px has shape {list(log_px.shape)}, and must be [{size}]")

    optimised = GuideOptimiser(sweep, num_steps, learning_rate, step_particles, compile)

    def run(block: Block) -> tuple[Tensor, Tensor]:
        return _measured(block, optimised(block))

    blocks = sweep.each(run, keeps_done=True)
    before, after = (
        torch.cat([t.cpu().double() for t in group], 1) for group in zip(*blocks, strict=True)
    )  # [K, N]
    elbo, _ = over_particles(before)
    elbo_optimised, noise = over_particles(after)
    if log_px is None:
        evidence, route = log_mean_exp(after), f"importance sampling with K = {num_particles}"
        missed = log_mean_exp_error(after)
        noise = (noise.square() + missed.square()).sqrt()
        found = judgement(float(shortfalls_in(after).mean()), monte_carlo_error(missed))
        route += f" from the optimised guides: {found}"
    else:
        evidence, route = joined([log_px.detach()[: len(elbo)]]), "given"
    gaps = InferenceGaps(
        log_px=evidence,
        elbo=elbo,
        elbo_optimised=elbo_optimised,
        approximation_error=noise,
        amortisation_error=over_particles(after - before)[1],
        log_px_route=route,
        num_particles=num_particles,
    )
    return blocks.give(gaps)


def _measured(block: Block, best: Program) -> tuple[Tensor, Tensor]:
    """Log weights of the guide as it is and of the best one, with the same noise [K, b]."""
    seed = int(torch.randint(2**31, ()))
    pair = []
    for guide in (None, best):
        pyro.set_rng_seed(seed)
        pair.append(torch.cat([p.log_w for p in block.draws(guide)]))
    return pair[0], pair[1]
