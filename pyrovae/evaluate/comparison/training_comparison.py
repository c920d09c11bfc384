"""The table of several objectives that one architecture was trained under."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .table import Table, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TrainingComparison(Table):
    """What `compare_training` found: a row per objective.

    Columns: "objective"; "nll" in nats per datum and "nll_sd", its spread over seeds;
    "difference" to the first objective, a mean over seeds paired with each other, and
    "difference_sd"; "nll_by_seed"; "milliseconds" of a training step, validation and checkpoints
    included; "steps".
    """

    def cells(self) -> Sequence[Sequence[str]]:
        first = self.rows[0]["objective"] if self.rows else ""
        header = ["objective", "NLL", "sd", f"minus {first}", "sd", "ms/step"]
        lines = [
            [
                row["objective"],
                figure(row["nll"], ".3f"),
                figure(row["nll_sd"], ".3f"),
                figure(row["difference"], "+.3f"),
                figure(row["difference_sd"], ".3f"),
                figure(row["milliseconds"], ".1f"),
            ]
            for row in self.rows
        ]
        return [header, *lines]

    def title(self) -> str:
        facts = self.facts
        return (
            f"{facts['epochs']} epochs each, seeds {facts['seeds']}; NLL of {facts['num_test']} "
            f"data by importance sampling, K = {facts['num_particles']}, for all alike"
        )

    def plot(self) -> "Figure":
        """NLL of each objective, a point for each seed."""
        from ...plots.values import points  # matplotlib is slow to import

        rows = {row["objective"]: row["nll_by_seed"] for row in self.rows}
        return points(
            rows,
            label=f"NLL of {self.facts['num_test']} data, nats per datum",
            title="lower is better",
        )
