"""Rows of images with a name each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..runtime.figures import figure_of
from .images import as_images, show, tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def image_rows(
    rows: Mapping[str, Tensor], *, columns: Sequence[str] = (), title: str = ""
) -> "Figure":
    """Images [N, C, H, W] or [N, H, W] in named rows of equal N, on one grey scale.

    Args:
        rows: By name, from the top.
        columns: Text below each column, or nothing.
        title: Above.

    Raises:
        ShapeError: They are no images.
    """
    names, count = list(rows), len(next(iter(rows.values())))
    pixels = as_images(torch.cat(list(rows.values())))
    _, height, width, _ = pixels.shape
    share = 1 - 0.0125 * max(map(len, names))  # of the width; the rest is text
    aspect = share * len(names) * (height + 1) / (count * (width + 1))
    figure, axes = figure_of(aspect + (0.06 if title else 0.02) + (0.05 if columns else 0.0))
    show(axes, tile(pixels, len(names), count))
    axes.set_anchor("E")  # what the height leaves of the width is for the names
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)
    axes.set_yticks(np.arange(len(names)) * (height + 1) + (height - 1) / 2, names)
    places = np.arange(count) * (width + 1) + (width - 1) / 2 if columns else []
    axes.set_xticks(places, columns)
    axes.set_title(title, fontsize=9)
    return figure
