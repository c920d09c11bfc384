"""Scores against the number of labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..runtime.figures import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


def label_curves(
    scores: "Mapping[str, Tensor]",
    num_labelled: Sequence[int],
    *,
    score: str = "test accuracy",
    title: str = "",
) -> "Figure":
    """Mean score against the number of labels, a curve with standard errors for each name.

    Args:
        scores: By name [M, S], for M numbers of labels and S repetitions.
        num_labelled: The numbers of labels [M].
        score: What the scores are.
        title: Above the axes.
    """
    figure, axes = figure_of(0.6)
    for place, (name, found) in enumerate(scores.items()):
        values = found.double().numpy()
        size = values.shape[1]
        error = values.std(1, ddof=1) / size**0.5 if size > 1 else np.zeros(len(values))
        # Curves stand a little apart, so that no bar hides another.
        x = np.asarray(num_labelled) * 1.02 ** (place - (len(scores) - 1) / 2)
        axes.errorbar(x, values.mean(1), error, marker="o", markersize=4, capsize=3, label=name)
    axes.set_xscale("log")
    axes.set_xticks(list(num_labelled), [str(n) for n in num_labelled])
    axes.minorticks_off()
    axes.set(xlabel="labelled data", ylabel=f"{score} (mean +- standard error)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
