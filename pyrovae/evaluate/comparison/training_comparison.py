"""The table of several objectives that one architecture was trained under."""

from collections.abc import Sequence

from ...runtime.result import aligned
from .table import Table, figure


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

    def __str__(self) -> str:
        facts = self.facts
        how = (
            f"{facts['epochs']} epochs each, seeds {facts['seeds']}; NLL of {facts['num_test']} "
            f"data by importance sampling, K = {facts['num_particles']}, for all alike"
        )
        return f"{how}\n{aligned(self.cells())}"
