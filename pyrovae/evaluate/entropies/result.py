"""Three entropies beside the ELBO."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...runtime.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSE = 0.01
"""Largest difference, as a share of the ELBO, that counts as converged."""

_Z = 3.0  # Monte-Carlo errors that a difference of zero may show


@dataclass(frozen=True, eq=False)
class Entropies(Result):
    """Three entropies and the ELBO, in nats per datum, float64 on the CPU.

    Attributes:
        encoder: Entropy of q(z|x) [N].
        prior: Mean entropy of p(z) under q [N]; the same for all data where p(z) has one layer.
        decoder: Mean entropy of p(x|z) under q [N].
        elbo: Evidence lower bound [N], of the same draws.
        excess: By site of the model the mean of log p + entropy under q [N]. The ELBO is the sum
            of entropies plus these. Below zero where the site scores what it gets lower than its
            own draws.
        conditions: By site of the model why its excess is zero at a stationary point.
        standard_errors: Of the means over data as estimates for new data, by name as in `means`.
        monte_carlo_errors: The part of them that more particles would remove; NaN at K = 1.
        routes: "closed form" or "sampled", by term.
        num_particles: K.
    """

    encoder: Tensor
    prior: Tensor
    decoder: Tensor
    elbo: Tensor
    excess: Mapping[str, Tensor]
    conditions: Mapping[str, str]
    standard_errors: Mapping[str, float]
    monte_carlo_errors: Mapping[str, float]
    routes: Mapping[str, str]
    num_particles: int

    @property
    def sum(self) -> float:
        """Mean entropy of q(z|x) minus that of p(z) minus that of p(x|z)."""
        return float((self.encoder - self.prior - self.decoder).mean())

    @property
    def difference(self) -> float:
        """ELBO minus the sum: zero at a stationary point of the ELBO of these data."""
        return float(self.elbo.mean()) - self.sum

    @property
    def share(self) -> float:
        """Size of the difference as a share of the ELBO; large also where the ELBO is near 0."""
        return abs(self.difference) / max(abs(float(self.elbo.mean())), 1e-12)

    @property
    def converged(self) -> bool:
        """Whether the difference is below 1 % of the ELBO or three Monte-Carlo errors.

        It must be so at a stationary point. It may be so elsewhere.
        """
        return self.share <= CLOSE or self._is_noise

    @property
    def verdict(self) -> str:
        """One sentence: whether the pair can be at a stationary point of the ELBO."""
        size = f"{100 * self.share:.2g} %"
        if self._is_noise:
            return (
                "ELBO and sum of entropies agree within the Monte-Carlo error, as they must at a "
                "stationary point"
            )
        if self.converged:
            return f"ELBO and sum of entropies agree within {size}: close to a stationary point"
        site, off = max(self._excesses().items(), key=lambda item: abs(item[1]))
        words = "lower" if off < 0 else "higher"
        return (
            f"ELBO and sum of entropies differ by {size}: this is no stationary point of the ELBO "
            f"of these data; '{site}' scores its values {abs(off):.3g} nats {words} than its own "
            "draws. Train on, or measure the data of the training"
        )

    def means(self) -> dict[str, float]:
        """Means over the data, by name as in `standard_errors`."""
        found = {n: float(getattr(self, n).mean()) for n in ("encoder", "prior", "decoder")}
        found |= {"sum": self.sum, "elbo": float(self.elbo.mean())}
        found["difference"] = self.difference
        return found | {f"excess[{n}]": off for n, off in self._excesses().items()}

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        words = {
            "encoder": "  entropy of q(z|x)",
            "prior": "- entropy of p(z)",
            "decoder": "- entropy of p(x|z)",
            "sum": "= sum of entropies",
            "elbo": "ELBO",
            "difference": "ELBO - sum",
        }
        words |= {f"excess[{n}]": f"  of it at '{n}'" for n in self.excess}
        means, errors = self.means(), self.monte_carlo_errors
        rows = [
            (words[n], f"{means[n]:.4f}", f"{errors[n]:.2g}", self.routes.get(n, ""))
            for n in words
        ]
        return [("nats per datum", "mean", "Monte Carlo error", ""), *rows]

    def records(self) -> list[dict[str, Any]]:
        """See `Result.records`."""
        means = self.means()
        return [
            {
                "name": name,
                "mean": mean,
                "standard_error": self.standard_errors[name],
                "monte_carlo_error": self.monte_carlo_errors[name],
            }
            for name, mean in means.items()
        ]

    def notes(self) -> Sequence[str]:
        """See `Result.notes`."""
        return (f"{self.verdict}.", *(f"'{n}': {why}" for n, why in self.conditions.items()))

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        return {
            **self.means(),
            "share": self.share,
            "converged": self.converged,
            "verdict": self.verdict,
            "standard_errors": dict(self.standard_errors),
            "monte_carlo_errors": dict(self.monte_carlo_errors),
            "conditions": dict(self.conditions),
            "num_data": len(self.elbo),
            "num_particles": self.num_particles,
        }

    def arrays(self) -> dict[str, Tensor]:
        """See `Result.arrays`."""
        own = {n: getattr(self, n) for n in ("encoder", "prior", "decoder", "elbo")}
        return own | {f"excess_{name}": off for name, off in self.excess.items()}

    def plot(self) -> "Figure":
        """The three entropies, their sum and the ELBO as bars."""
        from ...plots.entropies import entropy_bars

        return entropy_bars(self)

    @property
    def _is_noise(self) -> bool:
        error = self.monte_carlo_errors["difference"]
        return math.isfinite(error) and abs(self.difference) <= _Z * error + 1e-9

    def _excesses(self) -> dict[str, float]:
        return {name: float(off.mean()) for name, off in self.excess.items()}
