"""Matrices of scores as heat maps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WRITTEN = 12  # rows and columns up to which the numbers are written into the cells


def matrices(
    found: Mapping[str, Tensor], *, columns: Sequence[str] = (), row: str = "code", title: str = ""
) -> "Figure":
    """Matrices side by side, a colour for each entry; small ones with their numbers.

    Args:
        found: By title, all with as many columns [L, F].
        columns: Names of the columns; by default their index.
        row: What a row is.
        title: Above all.
    """
    first = next(iter(found.values()))
    rows, width = first.shape
    names = list(columns) or [str(place) for place in range(width)]
    each = WIDTH if len(found) == 1 else 0.8 * WIDTH
    figure = empty_figure(each * len(found), min(9.0, max(2.4, 1.2 + 0.32 * rows)))
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (name, matrix) in zip(panels, found.items(), strict=True):
        values = matrix.double().cpu()
        top = max(1e-12, float(values.nan_to_num().max()))
        image = axes.imshow(values.numpy(), cmap="Blues", vmin=0.0, vmax=top, aspect="auto")
        figure.colorbar(image, ax=axes, fraction=0.05)
        if rows <= _WRITTEN and width <= _WRITTEN:
            for i in range(rows):
                for j in range(width):
                    value = float(values[i, j])
                    axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7,
                              color="white" if value > 0.6 * top else "black")  # fmt: skip
        turned = max(map(len, names)) * width > 40
        axes.set_xticks(range(width), names, rotation=45 if turned else 0,
                        ha="right" if turned else "center", fontsize=8)  # fmt: skip
        axes.set_yticks(range(0, rows, max(1, rows // 20)))
        axes.tick_params(labelsize=8)
        axes.set(xlabel="factor", ylabel=row)
        axes.set_title(name, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure
