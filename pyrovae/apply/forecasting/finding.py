"""What `forecast` gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...runtime.result import Result
from .scores import Scores, intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 4  # series of the picture
_BAND = 0.9


@dataclass(frozen=True, eq=False)
class Forecast(Result):
    """Forecasts of the last steps of series, scored on what they were; tensors on the CPU.

    Attributes:
        given: What was forecast from [B, T - H, D].
        lengths: Its steps [B].
        truth: What came [B, H, D].
        draws: Of the pair [S, B, H, D].
        levels: Of the central intervals [Q].
        taken: Of the intervals of the draws that cover so much on validation series; `levels`
            where there were none.
        scores: Of the pair, and of forecasts without it, by name.
    """

    given: Tensor
    lengths: Tensor
    truth: Tensor
    draws: Tensor
    levels: tuple[float, ...]
    taken: tuple[float, ...]
    scores: Mapping[str, Scores]

    @property
    def mean(self) -> Tensor:
        """Mean of the forecasts [B, H, D]."""
        return self.draws.mean(0)

    def interval(self, level: float = _BAND) -> tuple[Tensor, Tensor]:
        """Ends of the central interval of a level, each [B, H, D]; calibrated where it was."""
        known = dict(zip(self.levels, self.taken, strict=True))
        return intervals(self.draws, [known.get(level, level)])[0]

    def cells(self) -> list[list[str]]:
        head = ["forecast", "RMSE", "CRPS", *(f"{level:.0%} covers" for level in self.levels)]
        return [head] + [
            [
                name, f"{s.rmse:.4g}", f"{s.crps:.4g}",
                *(f"{c:.3f} +- {e:.3f}" for c, e in zip(
                    s.coverage.tolist(), s.coverage_error.tolist(), strict=True)),
            ]
            for name, s in self.scores.items()
        ]  # fmt: skip

    def notes(self) -> list[str]:
        count, horizon, size = self.truth.shape
        steps = self.scores["pair"].crps_by_step.tolist()
        return [
            f"the last {horizon} steps of {count} series of {size} values; "
            f"{len(self.draws)} draws",
            f"CRPS of the pair from {steps[0]:.3g} at the first step to {steps[-1]:.3g} at the "
            "last; an interval of 90% is honest where it covers 0.9 of what came",
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "num_series": len(self.truth),
            "horizon": self.truth.shape[1],
            "num_samples": len(self.draws),
            "levels": list(self.levels),
            "levels_taken": list(self.taken),
            **{
                name: {
                    "rmse": s.rmse, "crps": s.crps,
                    "coverage": s.coverage.tolist(),
                    "coverage_error": s.coverage_error.tolist(),
                    "crps_by_step": s.crps_by_step.tolist(),
                    "coverage_by_step": s.coverage_by_step.tolist(),
                }
                for name, s in self.scores.items()
            },
        }  # fmt: skip

    def records(self) -> list[dict[str, Any]]:
        """A row for each forecast, with all digits."""
        return [
            {
                "forecast": name, "rmse": s.rmse, "crps": s.crps,
                **{f"coverage_{level:g}": c for level, c in zip(
                    self.levels, s.coverage.tolist(), strict=True)},
            }
            for name, s in self.scores.items()
        ]  # fmt: skip

    def arrays(self) -> dict[str, Tensor]:
        low, high = self.interval()
        return {"given": self.given, "lengths": self.lengths, "truth": self.truth,
                "mean": self.mean, "low_90": low, "high_90": high}  # fmt: skip

    def plot(self) -> "Figure | None":
        """Some series: what was given, what came, and the forecast with its 90 % interval."""
        from ...plots.forecasts import forecasts

        rows = torch.linspace(0, len(self.truth) - 1, min(_SHOWN, len(self.truth))).long()
        low, high = self.interval()
        return forecasts(
            self.given[rows], self.lengths[rows], self.truth[rows], self.mean[rows],
            low[rows], high[rows], draws=self.draws[:5, rows],
        )  # fmt: skip
