"""Latents in the plane."""

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..runtime.figures import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def latent_space(z: Tensor, y: Tensor | None = None, *, title: str = "") -> "Figure":
    """Latents [N, L] in the plane, coloured by label; two principal components where L > 2."""
    points = z.detach().cpu().double().numpy()
    labels: tuple[str, ...] = ("z1", "z2")
    if points.shape[1] == 1:
        points = np.concatenate([points, np.zeros_like(points)], axis=1)
    if points.shape[1] > 2:
        from sklearn.decomposition import PCA  # takes a second; only this needs it

        pca = PCA(2, random_state=0).fit(points)
        points = pca.transform(points)
        shares = 100 * pca.explained_variance_ratio_
        labels = tuple(f"principal component {i + 1} ({s:.0f} %)" for i, s in enumerate(shares))
    figure, axes = figure_of(0.8)
    if y is None:
        axes.scatter(points[:, 0], points[:, 1], s=7, alpha=0.7, linewidths=0)
    else:
        classes = y.cpu().numpy()
        for i, label in enumerate(np.unique(classes)):
            chosen = points[classes == label]
            axes.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=9,
                alpha=0.75,
                linewidths=0,
                color=f"C{i % 10}",
                label=str(label),
            )
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2)
    axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    return figure
