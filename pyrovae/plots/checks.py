"""Checks of a model: statistics among their replicates, ranks of simulated latents."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3


def replicated_statistics(
    found: Mapping[str, tuple[float, Tensor, float]], *, title: str = ""
) -> "Figure":
    """A histogram of each statistic over replicated data sets, with a line at that of the data.

    Args:
        found: By name: of the data, of the replicates [R], and its tail probability.
        title: Above the axes.
    """
    columns = min(_COLUMNS, len(found))
    lines = math.ceil(len(found) / columns)
    figure = empty_figure(WIDTH * columns / _COLUMNS, 0.4 + 2.0 * lines)
    every = figure.subplots(lines, columns, squeeze=False).flatten()
    for axes, (name, (observed, replicated, p)) in zip(every, found.items(), strict=False):
        axes.hist(replicated.numpy(), bins=20, color="C0", alpha=0.6)
        axes.axvline(observed, color="C3", linewidth=2)
        axes.set_title(f"{name}\np = {p:.3f}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.locator_params(axis="x", nbins=4)
        axes.set_yticks([])
    for axes in every[len(found) :]:
        axes.set_axis_off()
    figure.suptitle(f"{title}; line: the data, bars: replicates" if title else "", fontsize=9)
    return figure


def rank_histograms(
    ranks: Mapping[str, Tensor],
    num_draws: int,
    bin_edges: Sequence[int],
    band: tuple[float, float],
    ecdf_bands: tuple[Tensor, Tensor],
    *,
    title: str = "",
) -> "Figure":
    """Ranks of simulated latents: histograms on top, and below them ECDF minus uniform.

    Args:
        ranks: By name [N], integers from 0 to L.
        num_draws: L.
        bin_edges: Of the ranks in a bin, from 0 to L + 1.
        band: Where 95 % of the counts of one bin lie if ranks are uniform.
        ecdf_bands: Where 95 % of the whole curves lie, below and above uniform [L + 1].
        title: Above the axes.
    """
    size = len(next(iter(ranks.values())))
    figure = empty_figure(WIDTH, 4.0)
    tops, bottoms = figure.subplots(2, len(ranks), squeeze=False, sharey="row")
    at = (np.arange(num_draws + 1) + 1) / (num_draws + 1)
    edges = np.array(bin_edges) / (num_draws + 1)
    for top, bottom, (name, own) in zip(tops, bottoms, ranks.items(), strict=True):
        counts = np.bincount(own.numpy(), minlength=num_draws + 1)
        top.axhspan(*band, color="black", alpha=0.12, linewidth=0)
        top.stairs(np.add.reduceat(counts, bin_edges[:-1]), edges, fill=True, alpha=0.6)
        top.set_title(name, fontsize=9)
        lower, upper = (b.numpy() for b in ecdf_bands)
        bottom.fill_between(at, lower, upper, color="black", alpha=0.12, linewidth=0)
        bottom.plot(at, np.cumsum(counts) / size - at, color="C0")
        _small(top)
        _small(bottom)
    tops[0].set_ylabel("count", fontsize=8)
    bottoms[0].set_ylabel("ECDF - uniform", fontsize=8)
    figure.supxlabel(
        f"rank of the true value among {num_draws} draws of the guide, as a share", fontsize=9
    )
    figure.suptitle(title, fontsize=9)
    return figure


def _small(axes: "Axes") -> None:
    axes.tick_params(labelsize=7)
    axes.set_xticks([0, 0.5, 1])
