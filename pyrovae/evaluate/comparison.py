"""The table of several objectives on one pair."""

from collections.abc import Mapping
from typing import Any

from .table import Table, aligned, figure

GROUPS = ("guide", "model", "shared")


class Comparison(Table):
    """What `compare` found: a row per objective, and `facts` that hold for all.

    Columns: "objective"; "num_particles", "decoder_evaluations" (per datum and step, counted),
    "comparable" and, where it is not, "note"; "bound" in nats per datum with "bound_error"
    (standard error over data; NaN where an objective gives no bound per datum) and
    "bound_monte_carlo_error"; "gap" to log p(x) with "gap_error" (Monte Carlo, of both); "ess"
    and "k_hat" (medians over data); "milliseconds", "milliseconds_low", "milliseconds_high"
    (median and quartiles of a step, forward and backward), "peak_bytes"; and for each group of
    parameters (guide, model, shared) "variance" (of the gradient of the loss, summed over
    coordinates), "snr", "snr_floor", "directional_snr", "max_z", "is_biased" (see
    `GradientStatistics`) and "variance_x_ms"; "reference", the gradient that the signal is.
    """

    @property
    def groups(self) -> list[str]:
        """Those groups of parameters that the pair has."""
        return [g for g in GROUPS if any(f"{g}_variance" in row for row in self.rows)]

    def __str__(self) -> str:
        facts = self.facts
        lines = [
            f"{facts['num_data']} data, log p(x) {facts['log_px']:.3f} ({facts['log_px_source']})",
            f"rows at {facts['rows_at']}; {facts['num_draws']} draws each, the same seeds for all",
            facts["device"],
            "",
            self._bounds(),
            "",
            "gradients of the loss: variance summed over coordinates, median SNR, directional SNR",
            self._gradients(),
        ]
        lines += [
            f"{mark} {row['objective']}: {row['note']}"
            for mark, row in zip(self._marks(), self.rows, strict=True)
            if row["note"]
        ]
        if any(row.get(f"{g}_is_biased") for row in self.rows for g in self.groups):
            lines.append("b: the mean of these gradients differs from their reference")
        if any(_is_unseen(row, group) for row in self.rows for group in self.groups):
            lines.append(
                "~: within twice what noise in the reference would show; raise reference_draws, "
                "or give a reference of less noise"
            )
        return "\n".join(lines)

    def _marks(self) -> list[str]:
        return ["" if row["comparable"] else "!" for row in self.rows]

    def _bounds(self) -> str:
        header = ["objective", "K", "evals", "bound", "+- data", "+- MC", "gap", "+-", "ESS",
                  "k-hat", "ms", "MB"]  # fmt: skip
        return aligned(
            header,
            [
                [
                    row["objective"][:40],
                    str(row["num_particles"]) + mark,
                    figure(row["decoder_evaluations"], "g"),
                    figure(row["bound"], ".3f"),
                    figure(row["bound_error"], ".3f"),
                    figure(row["bound_monte_carlo_error"], ".3f"),
                    figure(row["gap"], ".3f"),
                    figure(row["gap_error"], ".3f"),
                    figure(row["ess"], ".1f"),
                    figure(row["k_hat"], ".2f"),
                    figure(row["milliseconds"], ".2f"),
                    figure(row["peak_bytes"] / 1e6, ".1f"),
                ]
                for row, mark in zip(self.rows, self._marks(), strict=True)
            ],
        )

    def _gradients(self) -> str:
        blocks = []
        for start in range(0, len(self.groups), 2):  # two groups are as wide as a screen
            groups = self.groups[start : start + 2]
            titles = [t for g in groups for t in (f"{g}: variance", "SNR", "dSNR", "var x ms")]
            lines = [
                [row["objective"][:40], *(cell for g in groups for cell in _cells(row, g))]
                for row in self.rows
            ]
            blocks.append(aligned(["objective", *titles], lines))
        return "\n\n".join(blocks)


def _is_unseen(row: Mapping[str, Any], group: str) -> bool:
    return bool(row[f"{group}_snr"] < 2 * row[f"{group}_snr_floor"])


def _cells(row: Mapping[str, Any], group: str) -> list[str]:
    return [
        figure(row[f"{group}_variance"]),
        ("~" if _is_unseen(row, group) else "")
        + figure(row[f"{group}_snr"])
        + ("b" if row[f"{group}_is_biased"] else ""),
        figure(row[f"{group}_directional_snr"]),
        figure(row[f"{group}_variance_x_ms"]),
    ]
