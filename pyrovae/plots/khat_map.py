"""Where in latent space importance weights are good."""

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure
from .latent_space import dots, plane_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def khat_map(
    z: Tensor, k_hat: Tensor, shortfalls: Tensor, *, title: str = "", most: int = 1000
) -> "Figure":
    """Posterior means [N, L] in the plane, coloured by k-hat and by what log p(x) lacks.

    The plane is that of `latent_space`. Colours change at 0.7 from blue to red; k-hats outside of
    0 to 1.4 have the colours of the ends.

    Args:
        z: Posterior means [N, L].
        k_hat: Of the weights of each datum [N].
        shortfalls: Nats by which log p(x) of each datum is probably too low [N].
        title: Above.
        most: How many points are drawn, the first ones.
    """
    points = z.detach().cpu().double().numpy()[:most]
    plane, words = plane_of(points)
    figure = empty_figure(1.6 * WIDTH, 4.4)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    missing = shortfalls.cpu().numpy()[:most]
    known = missing[np.isfinite(missing)]
    top = max(float(np.quantile(known, 0.98)), 0.01) if len(known) else 1.0
    looks = (
        ("k-hat", k_hat.cpu().numpy()[:most], "coolwarm", (0.0, 1.4)),
        ("log p(x) probably too low by, nats", missing, "viridis_r", (0.0, top)),
    )
    for axes, (name, values, colors, (low, high)) in zip(panels, looks, strict=True):
        order = np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable")  # the worst on top
        shown = np.nan_to_num(values, nan=low, neginf=low, posinf=high)[order]
        drawn = axes.scatter(
            *plane[order].T, c=shown, cmap=colors, vmin=low, vmax=high, **dots(len(plane))
        )
        bar = figure.colorbar(drawn, ax=axes, extend="both" if name == "k-hat" else "max")
        bar.set_label(name)
        if name == "k-hat":
            bar.ax.axhline(0.7, color="black", linewidth=1)
        axes.set(xlabel=words[0], ylabel=words[1])
        axes.set_aspect("equal", adjustable="datalim")
        if words[0].startswith("t-SNE"):
            axes.set(xticks=[], yticks=[])  # of no meaning
    figure.suptitle(title or "Where importance weights are good, by datum", fontsize=10)
    return figure
