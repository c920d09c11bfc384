"""How good samples are: the measures by row, and samples over the data nearest to them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure
from .images import as_images, show, tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Row(Protocol):
    """One set of data compared with those of the training."""

    @property
    def name(self) -> str: ...

    @property
    def kernel_error(self) -> float: ...


class Measured(Protocol):
    """What `pyrovae.sample_quality` gives."""

    @property
    def rows(self) -> Sequence[Row]: ...

    @property
    def num_data(self) -> int: ...

    @property
    def shown(self) -> Mapping[str, Tensor]: ...


_PANELS = {
    "Frechet distance": ("frechet",),
    "kernel distance": ("kernel",),
    "are samples like data?": ("precision", "density"),
    "are all data reached?": ("recall", "coverage"),
}
_MARKS = ("o", "D")


def sample_quality(found: Measured, *, title: str = "") -> "Figure":
    """The measures of samples, reconstructions and held-out data; images with their nearest.

    Args:
        found: What `pyrovae.sample_quality` gives.
        title: Above; by default how many data each row is.
    """
    has_images = found.shown["samples"].dim() in (3, 4)
    figure = empty_figure(1.6 * WIDTH, 2.6 + (2.6 if has_images else 0.0))
    if has_images:
        parts: Any = figure.subfigures(2, 1)
        above = parts[0]
        _images(parts[1].subplots(), found.shown)
    else:
        above = figure.subfigures(1, 1)
    panels = above.subplots(1, len(_PANELS), sharey=True)
    places = np.arange(len(found.rows))[::-1]
    for axes, (name, columns) in zip(panels, _PANELS.items(), strict=True):
        for mark, column in zip(_MARKS, columns, strict=False):
            values = [getattr(row, column) for row in found.rows]
            bars = [3 * row.kernel_error for row in found.rows] if column == "kernel" else None
            axes.errorbar(values, places, xerr=bars, fmt=mark, ms=6, label=column)
        axes.set_title(name, fontsize=9)
        axes.grid(alpha=0.3)
        axes.set_ylim(-0.6, len(places) - 0.4)
        if len(columns) > 1:
            axes.legend(frameon=False, fontsize=8)
            axes.set_xlim(left=-0.05, right=max(1.05, axes.get_xlim()[1]))
        else:
            axes.axvline(0, color="0.7", linewidth=0.8)
            axes.set_xlabel("less is better", fontsize=8)
    panels[0].set_yticks(places, [row.name for row in found.rows])
    figure.suptitle(title or f"{found.num_data} data a row, against training data", fontsize=10)
    return figure


def _images(axes: "Axes", shown: Mapping[str, Tensor]) -> None:
    pixels = as_images(torch.cat([shown["samples"], shown["nearest"]]))
    columns, height = len(shown["samples"]), pixels.shape[1]
    show(axes, tile(pixels, 2, columns))
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)
    axes.set_xticks([])
    places = np.arange(2) * (height + 1) + (height - 1) / 2
    axes.set_yticks(places, ["samples", "nearest of\nthe training"])
