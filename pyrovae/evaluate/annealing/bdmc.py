"""Bidirectional Monte Carlo: log p(x) of simulated data from below and from above."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from ...math import log_mean_exp, log_mean_exp_error
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..block import Block
from ..inputs import Data
from ..simulated import ToData, simulated
from ..standard_errors import mean_error, monte_carlo_error
from ..sweep import joined
from .base import annealer_over, anneals
from .options import AnnealingOptions, Start

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Bracket(Result):
    """Bounds of log p(x) for data that the model made itself, in nats, float64 on the CPU.

    In expectation `lower` is no larger and `upper` no smaller than log p(x).

    Attributes:
        lower: Annealed from the start to the posterior [N].
        upper: Annealed back, from an exact draw of the posterior [N].
        lower_error: Monte-Carlo standard error, by the delta method [N]; NaN at K = 1.
        upper_error: Likewise, from chains that share their first state: too small where the
            chains do not forget it.
        acceptance: Mean acceptance probability on both ways [N]; NaN where HMC made no moves.
        data: What was simulated, as the pair takes it, each [N, ...].
        num_particles: Chains K.
        num_temperatures: Intervals T of the path.
        start: The other end of the path, "guide" or "prior".
    """

    lower: Tensor
    upper: Tensor
    lower_error: Tensor
    upper_error: Tensor
    acceptance: Tensor
    data: tuple[Tensor, ...]
    num_particles: int
    num_temperatures: int
    start: Start

    @property
    def gap(self) -> Tensor:
        """Upper minus lower bound [N]: the largest error of annealing, in expectation."""
        return self.upper - self.lower

    def summary(self) -> dict[str, float]:
        """The figures of a table, nats per datum."""
        return {
            "lower": float(self.lower.mean()),
            "lower_monte_carlo_error": monte_carlo_error(self.lower_error),
            "upper": float(self.upper.mean()),
            "upper_monte_carlo_error": monte_carlo_error(self.upper_error),
            "gap": float(self.gap.mean()),
            "gap_standard_error": mean_error(self.gap),
            "gap_max": float(self.gap.max()),
            "acceptance_median": float(self.acceptance.median()),
            "num_data": self.lower.numel(),
            "num_particles": self.num_particles,
            "num_temperatures": self.num_temperatures,
        }

    def cells(self) -> list[list[str]]:
        rows = [
            [row["log p(x)"], *(f"{row[name]:.3f}" for name in ("nats", "+-", "Monte Carlo"))]
            for row in self.records()
        ]
        return [["log p(x)", "nats", "+-", "Monte Carlo"], *rows]

    def records(self) -> list[dict[str, Any]]:
        parts = {
            "lower bound": (self.lower, monte_carlo_error(self.lower_error)),
            "upper bound": (self.upper, monte_carlo_error(self.upper_error)),
            "gap": (self.gap, self._gap_error),
        }
        return [
            {"log p(x)": name, "nats": float(v.mean()), "+-": mean_error(v), "Monte Carlo": noise}
            for name, (v, noise) in parts.items()
        ]

    def notes(self) -> list[str]:
        s = self.summary()
        found = [
            f"{s['num_data']:,} simulated data; {self.num_temperatures} temperatures from the "
            f"{self.start}, {self.num_particles} chains, acceptance median "
            f"{s['acceptance_median']:.2f}; largest gap {s['gap_max']:.3f}"
        ]
        if s["gap"] < 0:
            found.append(
                f"the bounds cross by {-s['gap']:.3f} +- {self._gap_error:.3f} (Monte Carlo)"
            )
        return found

    def numbers(self) -> dict[str, Any]:
        return {**self.summary(), "start": self.start}

    def arrays(self) -> dict[str, Tensor]:
        """By datum [N], and the data."""
        made = {f"data_{place}": part for place, part in enumerate(self.data)}
        names = ("lower", "upper", "lower_error", "upper_error", "acceptance")
        return {name: getattr(self, name) for name in names} | made

    def plot(self) -> "Figure":
        """Both bounds of each datum."""
        from ...plots.values import intervals  # matplotlib is slow to import

        return intervals(
            self.lower, self.upper, label="log p(x), nats",
            title=f"gap: mean {float(self.gap.mean()):.3f} nats",
        )  # fmt: skip

    @property
    def _gap_error(self) -> float:
        errors = monte_carlo_error(self.lower_error), monte_carlo_error(self.upper_error)
        return math.hypot(*errors)


@takes_pair
@anneals
def bdmc(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 16,
    num_temperatures: int = 100,
    start: Start = "guide",
    to_data: ToData | None = None,
    **options: Unpack[AnnealingOptions],
) -> Bracket:
    """Bracket log p(x) of data simulated from the model, by annealing to the posterior and back.

    The latent that a datum was simulated from is an exact draw of its posterior, where the chains
    back start. The gap shows the error of `ais` with the same options on data from the model.
    Other data may be harder.

    Args:
        model: See `ais`, as for what is not named here.
        x: As many data are simulated, of this shape. What else the pair takes (labels, contexts:
            further tensors of `x`, or `args`) stays as it is given.
        to_data: Makes the first arguments of the pair from what its observed sites would have
            held, by name. Without it the pair has one observed site, whose value is its first
            argument.
        options: `schedule`, `num_leapfrog`, `chunk`, ...: see `AnnealingOptions`.

    Raises:
        DataError: The observed sites do not give the pair's data; see `to_data`.
        ConfigError: See `ais`, as for other errors.

    Source:
        Sandwiching the marginal likelihood using bidirectional Monte Carlo (Grosse, Ghahramani &
        Adams, 2015), https://arxiv.org/abs/1511.02543

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(50, seed=1)
        >>> found = bdmc(oracle.model, oracle.guide, x, num_temperatures=5, num_leapfrog=3, seed=2)
        >>> exact = oracle.log_px(*found.data)  # x: simulated, [50, 5]
        >>> bool(found.lower.mean() - 0.05 < exact.mean() < found.upper.mean() + 0.05)
        True
    """
    annealer = annealer_over(
        model, guide, x, args, num_particles, num_temperatures, start, options, ways=2
    )

    def run(block: Block) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        latents, made, block = simulated(block, to_data)
        up, down = annealer.run(block, latents)
        acceptance = (up.acceptance + down.acceptance) / 2
        lower, upper = log_mean_exp(up.log_w), -log_mean_exp(-down.log_w)
        errors = log_mean_exp_error(up.log_w), log_mean_exp_error(-down.log_w)
        return (lower, upper, *errors, acceptance), made

    blocks = annealer.sweep.each(run, keeps_done=True)
    columns = map(joined, zip(*(numbers for numbers, _ in blocks), strict=True))
    lower, upper, lower_error, upper_error, acceptance = columns
    data = tuple(torch.cat(parts) for parts in zip(*(made for _, made in blocks), strict=True))
    found = Bracket(
        lower=lower,
        upper=upper,
        lower_error=lower_error,
        upper_error=upper_error,
        acceptance=acceptance,
        data=data,
        num_particles=num_particles,
        num_temperatures=num_temperatures,
        start=start,
    )
    return blocks.give(found)
