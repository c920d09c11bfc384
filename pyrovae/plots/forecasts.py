"""Forecasts of time series: what was given, what came, and an interval."""

from typing import TYPE_CHECKING

import numpy as np

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

_VALUES = 2  # of a step that are drawn


def forecasts(
    given: "Tensor",
    lengths: "Tensor",
    truth: "Tensor",
    mean: "Tensor",
    low: "Tensor",
    high: "Tensor",
    *,
    draws: "Tensor | None" = None,
    title: str = "",
) -> "Figure":
    """A row of axes for each series, a column for each of the first values of a step.

    Args:
        given: What was forecast from [B, T, D].
        lengths: Its steps [B].
        truth: What came [B, H, D].
        mean: Of the forecasts [B, H, D].
        low: Lower end of the 90 % interval [B, H, D].
        high: Upper end.
        draws: Some forecasts [S, B, H, D].
        title: Above the axes.
    """
    count, horizon, size = truth.shape
    columns = min(size, _VALUES)
    figure = empty_figure(WIDTH, 0.5 + 1.3 * count)
    axes = figure.subplots(count, columns, squeeze=False, sharex="col")
    for row in range(count):
        end = int(lengths[row])
        start = max(0, end - 4 * horizon)
        past, ahead = np.arange(start, end), np.arange(end, end + horizon)
        joined = np.arange(end - 1, end + horizon)
        for value in range(columns):
            ax = axes[row][value]
            known = given[row, start:end, value].numpy()
            came = np.concatenate([known[-1:], truth[row, :, value].numpy()])
            ax.plot(past, known, color="0.3", lw=1)
            ax.fill_between(ahead, low[row, :, value].numpy(), high[row, :, value].numpy(),
                            color="C0", alpha=0.25, lw=0, label="90% interval")  # fmt: skip
            for drawn in () if draws is None else draws[:, row, :, value].numpy():
                ax.plot(ahead, drawn, color="C0", lw=0.5, alpha=0.5)
            ax.plot(ahead, mean[row, :, value].numpy(), color="C0", lw=1.5, label="mean")
            ax.plot(joined, came, color="C3", lw=1, label="what came")
            ax.axvline(end - 0.5, color="0.7", lw=0.8)
            ax.tick_params(labelsize=7)
            if row == 0 and size > 1:
                ax.set_title(f"value {value + 1}", fontsize=9)
        axes[row][0].set_ylabel(f"series {row + 1}", fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("step", fontsize=8)
    axes[0][0].legend(fontsize=7, loc="upper left", framealpha=0.8)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure
