"""The curves of several runs in one picture."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtime.figures import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run_curves(
    histories: Mapping[str, Sequence[Mapping[str, Any]]], *, title: str = ""
) -> "Figure":
    """The bound of several runs by epoch, in nats per datum.

    It is that of the validation data where a run has some, else that of the training data,
    dashed. Bounds of different objectives are not alike.

    Args:
        histories: By the name of the run, entries as in `training_curves`.
        title: Above the axes.
    """
    from matplotlib import rc_context

    values: list[float] = []
    with rc_context({"text.parse_math": False}):  # a name is no formula
        figure, axes = figure_of(0.6)
        for name, history in histories.items():
            column = "val" if any(row.get("val") is not None for row in history) else "train"
            points = [(r["epoch"], r[column]) for r in history if r.get(column) is not None]
            values += [value for _, value in points]
            axes.plot(
                *zip(*points, strict=True), linestyle="-" if column == "val" else "--",
                label=name if len(name) <= 40 else f"...{name[-37:]}",
            )  # fmt: skip
        low, high = np.quantile(values, [0.05, 1.0])
        if high > low:  # the first epochs would press all others together
            axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
        axes.set(xlabel="epoch", ylabel="bound, nats per datum", title=title)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="lower right")
    return figure
