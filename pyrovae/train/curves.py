"""Curves of training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtime.figures import WIDTH, empty_figure, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def training_curves(history: Sequence[Mapping[str, Any]], *, title: str = "") -> "Figure":
    """Bound on training and validation data by epoch, in nats per datum.

    Below it the KL of each latent layer, where there are several.

    Args:
        history: One mapping an epoch with "epoch", "train" and, where there is one, "val"
            and "kl[site]" (`Run.history`).
        title: Above the axes.
    """
    layers = [name for name in history[0] if name.startswith("kl[")] if history else []
    if layers:
        figure = empty_figure(WIDTH, 0.9 * WIDTH)
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 4))
        _layer_curves(below, history, layers)
    else:
        figure, axes = figure_of(0.55)
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row["train"] for row in history], color="C0", label="train")
    val = [(row["epoch"], row["val"]) for row in history if row.get("val") is not None]
    if val:
        axes.plot(*zip(*val, strict=True), color="C1", label="validation")
        epoch, best = max(val, key=lambda pair: pair[1])
        axes.plot(epoch, best, "o", color="C1", markersize=5)
        axes.annotate(
            f"best {best:.2f}", (epoch, best), xytext=(-6, -14), textcoords="offset points",
            ha="right", color="C1",
        )  # fmt: skip
    values = [row["train"] for row in history] + [v for _, v in val]
    settled = values if len(history) < 8 else [v for v in values if v >= np.quantile(values, 0.05)]
    if settled and max(settled) > min(settled):
        margin = 0.08 * (max(settled) - min(settled))
        axes.set_ylim(min(settled) - margin, max(settled) + margin)
    axes.set(ylabel="bound, nats per datum", title=title)
    figure.axes[-1].set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _layer_curves(
    axes: "Axes", history: Sequence[Mapping[str, Any]], layers: Sequence[str]
) -> None:
    """KL by epoch, a line for each layer."""
    for name in sorted(layers):
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=name.removeprefix("kl[").rstrip("]"))
    axes.set(ylabel="KL of each layer, nats")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=4, fontsize=8)
