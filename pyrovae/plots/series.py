"""Series as lines over time."""

import math
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import ShapeError
from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3


def series(x: Tensor, given: Tensor | None = None, *, title: str = "") -> "Figure":
    """A small picture for each series: a line for each of its values, over the steps of time.

    Args:
        x: Series [N, T, D]; nothing is drawn where there is NaN.
        given: Series [N, T', D] that are drawn as dots in the same pictures.
        title: Above.

    Raises:
        ShapeError: They have another shape, or are no series.
    """
    if (
        x.dim() != 3
        or not len(x)
        or (given is not None and (given.dim() != 3 or len(given) != len(x)))
    ):
        shapes = [list(each.shape) for each in (x, given) if each is not None]
        raise ShapeError(f"a picture of series needs [N, T, D], N above 0, got {shapes}")
    columns = min(_COLUMNS, len(x))
    rows = math.ceil(len(x) / columns)
    figure = empty_figure(WIDTH, 0.5 + 1.35 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    lines, dots = (None if t is None else t.detach().cpu().float().numpy() for t in (x, given))
    for i, axes in enumerate(grid.flat):
        if i >= len(x):
            axes.set_visible(False)
            continue
        for d in range(x.shape[2]):
            color = f"C{d % 10}"
            if dots is not None and d < dots.shape[2]:
                axes.plot(dots[i, :, d], ".", color=color, markersize=3, alpha=0.6)
            axes.plot(lines[i, :, d], color=color, linewidth=1.0)  # type: ignore[index]
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("step", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
