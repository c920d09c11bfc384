"""The rows of a comparison, which fill as it goes on."""

from collections.abc import Mapping
from typing import Any

from torch import nan

from . import truth, weights
from .comparable import Fitted
from .comparison import Comparison
from .gradient_rows import GradientColumns
from .truth import MeanEvidence

_COSTS = dict.fromkeys(
    ("milliseconds", "milliseconds_low", "milliseconds_high", "peak_bytes"), nan
)


class Rows:
    """What is known of each objective so far; what is not is NaN.

    Args:
        fitted: The objectives by name.
        unknown: The columns of gradients that were not drawn.
        facts: Those of the `Comparison`.
    """

    def __init__(
        self, fitted: Mapping[str, Fitted], unknown: GradientColumns, facts: Mapping[str, Any]
    ) -> None:
        self._fitted, self._unknown, self._facts = fitted, unknown, dict(facts)
        self.known: MeanEvidence = truth.UNKNOWN
        self.bounds: Mapping[str, Mapping[str, Any]] = {}
        self.short_bounds: Mapping[str, str] = {}
        self.weights: Mapping[str, Mapping[str, float]] = {}
        self.costs: Mapping[str, Mapping[str, float]] = {}
        self.gradients: dict[str, GradientColumns] = {}

    @property
    def num_whole(self) -> int:
        """How many are whole."""
        return sum(found.is_whole for found in self.gradients.values())

    def words(self, name: str) -> str:
        """The bound of a row, and its gap where that is known."""
        row = self._row(name)
        words = f"bound {row['bound']:.3f} +- {row['bound_monte_carlo_error']:.3f}"
        known = row["gap"] == row["gap"]
        return words + (f", gap {row['gap']:.3f} +- {row['gap_error']:.3f}" if known else "")

    def line(self, name: str) -> str:
        """A row in one line, once it is whole."""
        row = self._row(name)
        groups = self.table().groups
        ratios = ", ".join(f"SNR of the {g} {row[f'{g}_snr']:.2g}" for g in groups)
        return f"{name}: {self.words(name)}, {row['milliseconds']:.2f} ms, {ratios}"

    def table(self) -> Comparison:
        """The table of what is known: the rows that have a bound."""
        rows = [self._row(name) for name in self._fitted if name in self.bounds]
        return Comparison(rows, {
            **self._facts,
            "num_draws": max((row["num_draws"] for row in rows), default=0),
            "log_px": self.known.value,
            "log_px_error": self.known.error,
            "log_px_source": self.known.source,
            "log_px_shortfall": self.known.shortfall,
        })  # fmt: skip

    def _row(self, name: str) -> dict[str, Any]:
        """What `Comparison` says of an objective."""
        one, bound = self._fitted[name], self.bounds[name]
        gradients = self.gradients.get(name, self._unknown)
        error = bound["bound_monte_carlo_error"]
        short = [self.short_bounds.get(name, ""), *gradients.shortages]
        return {
            "objective": name,
            "num_particles": one.objective.num_particles,
            "decoder_evaluations": one.evaluations,
            "comparable": one.comparable,
            "note": one.note,
            "kind": one.objective.bound_side,
            **bound,
            "gap": self.known.value - bound["bound"],
            "gap_error": (error**2 + self.known.error**2) ** 0.5,
            **self.weights.get(name, weights.UNKNOWN),
            **self.costs.get(name, _COSTS),
            **gradients.columns,
            "unreached": ", ".join(filter(None, short)),
            "unfinished": self._unfinished(name),
        }

    def _unfinished(self, name: str) -> str:
        found = self.gradients.get(name)
        if found is None:
            return "no gradients yet" if self.costs else "the bound alone"
        return "" if found.is_whole else f"gradients of {found.columns['gradient_draws']} draws"
