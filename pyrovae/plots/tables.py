"""Made rows of a table beside real ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 30  # columns whose names are legible


def table_resemblance(
    names: Sequence[str],
    made: np.ndarray,
    held_out: np.ndarray,
    pairs: np.ndarray,
    pairs_real: np.ndarray,
    *,
    title: str = "",
) -> "Figure":
    """Distances of the columns, and associations of pairs of columns.

    Args:
        names: Of the columns [D].
        made: Distance of each column of made rows to the training rows [D].
        held_out: That of held-out rows.
        pairs: Associations among made rows [D, D].
        pairs_real: Among training rows.
        title: Above the axes.
    """
    from matplotlib import rc_context

    shown = np.argsort(-np.nan_to_num(made))[:_MOST][::-1]  # the largest on top
    with rc_context({"text.parse_math": False}):
        figure = empty_figure(WIDTH, max(3.2, 0.8 + 0.22 * len(shown)))
        left, right = figure.subplots(1, 2)
        places = np.arange(len(shown))
        left.barh(places, made[shown], height=0.6, color="C0", label="made rows")
        left.plot(held_out[shown], places, "|", color="C3", markersize=11, markeredgewidth=2,
                  label="held-out rows")  # fmt: skip
        left.set_yticks(places, [str(names[i]) for i in shown], fontsize=8)
        left.set(xlabel="distance to the training rows", title="Columns", xlim=(0, None))
        left.legend(frameon=False, fontsize=8)
        left.grid(alpha=0.3, axis="x")
        left.set_axisbelow(True)
        below = np.tril_indices(len(names), -1)
        right.plot([-1, 1], [-1, 1], color="0.7", linewidth=1)
        right.plot(pairs_real[below], pairs[below], "o", color="C0", markersize=4, alpha=0.7)
        right.set(xlabel="among training rows", ylabel="among made rows",
                  title="Associations of pairs", aspect="equal")  # fmt: skip
        both = np.concatenate([pairs_real[below], pairs[below], [0.0]])
        low = float(np.nanmin(both)) - 0.05
        right.set(xlim=(low, 1.05), ylim=(low, 1.05))
        right.grid(alpha=0.3)
        if title:
            figure.suptitle(title)
    return figure
