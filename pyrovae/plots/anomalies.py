"""Scores of normal and of foreign data."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure
from .images import as_images, show, tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _BINS = 3, 40


def score_histograms(
    normal: Mapping[str, Tensor],
    foreign: Mapping[str, Tensor],
    *,
    titles: Mapping[str, str],
    strips: Sequence[tuple[str, Tensor]] = (),
    title: str = "",
) -> "Figure":
    """A histogram for each score, of normal and of foreign data; below them rows of images.

    Scores beyond the outer 1 % of either lie in the outermost bins.

    Args:
        normal: Scores by name [N], higher is more normal.
        foreign: The same of foreign data [M].
        titles: Above each histogram.
        strips: Rows of images [E, C, H, W] with their captions.
        title: Above all.
    """
    rows = -(-len(normal) // _COLUMNS)
    heights = [1.7 * rows, 0.72 * len(strips)]
    figure = empty_figure(WIDTH, sum(heights) + (0.3 if title else 0.0))
    used = 2 if strips else 1
    parts = np.ravel(figure.subfigures(used, 1, height_ratios=heights[:used], squeeze=False))
    axes = np.ravel(parts[0].subplots(rows, min(_COLUMNS, len(normal)), squeeze=False))
    for place, name in enumerate(normal):
        _histogram(axes[place], normal[name].numpy(), foreign[name].numpy(), titles[name])
    for unused in axes[len(normal) :]:
        unused.set_axis_off()
    axes[0].legend(frameon=False, fontsize=7)
    if strips:
        pixels = as_images(torch.cat([images for _, images in strips]))  # on one grey scale
        ends = np.cumsum([len(images) for _, images in strips])[:-1]
        places = np.ravel(parts[1].subplots(len(strips), 1, squeeze=False))
        for each, (caption, _), row in zip(places, strips, np.split(pixels, ends), strict=True):
            show(each, tile(row, 1, len(row)))
            each.set_title(caption, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def _histogram(axes: "Axes", normal: np.ndarray, foreign: np.ndarray, title: str) -> None:
    found = [scores[np.isfinite(scores)] for scores in (normal, foreign)]
    ends = [np.quantile(scores, [0.01, 0.99]) for scores in found if len(scores)]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    bins = np.linspace(low, high if high > low else low + 1, _BINS)
    for scores, label, colour in zip(found, ("normal", "foreign"), ("C0", "C3"), strict=True):
        inside = np.clip(scores, bins[0], bins[-1])
        axes.hist(inside, bins.tolist(), density=True, alpha=0.55, color=colour, label=label)
    axes.set_yticks([])
    axes.tick_params(labelsize=7)
    axes.set_title(title, fontsize=8)
