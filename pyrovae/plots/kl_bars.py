"""The KL of latent dimensions and of latent sites as bars."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..runtime.figures import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 400  # bars; more could not be told apart


def kl_bars(per_dim: Mapping[str, Tensor], *, title: str = "") -> "Figure":
    """The KL of each latent dimension, the largest of each site first.

    Args:
        per_dim: Mean KL over the data by site [L], in nats.
        title: Above the axes.
    """
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False}):
        figure, axes = figure_of(0.5)
        start = 0
        for name, kl in per_dim.items():
            values = np.sort(kl.double().numpy())[::-1]
            places = start + np.arange(len(values))
            if len(values) <= _MOST:
                axes.bar(places, values, width=0.85, label=name)
            else:
                axes.fill_between(places, values, step="mid", label=name)
            start += len(values) + 1
        axes.set(xlabel="latent dimensions, by KL", ylabel="KL, nats", title=title)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.grid(alpha=0.3, axis="y")
        axes.set_axisbelow(True)
        if len(per_dim) > 1:
            axes.legend(frameon=False)
    return figure


def kl_by_site(
    means: Mapping[str, float], errors: Mapping[str, float], *, title: str = ""
) -> "Figure":
    """The KL of each latent site in nats per datum, with its standard error.

    Args:
        means: By site.
        errors: Likewise.
        title: Above the axes.
    """
    from matplotlib import rc_context

    names = list(means)[::-1]  # the first on top
    with rc_context({"text.parse_math": False}):
        figure, axes = figure_of(0.14 + 0.06 * len(names))
        bars = np.nan_to_num([errors[name] for name in names])
        axes.barh(names, [means[name] for name in names], xerr=bars, height=0.6)
        axes.set(xlabel="KL, nats per datum", title=title)
        axes.grid(alpha=0.3, axis="x")
        axes.set_axisbelow(True)
    return figure
