"""Latents in the plane."""

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..runtime.figures import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CLASSES = 20  # more values are a scale
_NEIGHBOURS = 10
_FEWEST = 30  # points that t-SNE needs
_PERPLEXITY, _STEPS = 30, 500  # of t-SNE


def latent_space(
    z: Tensor, y: Tensor | None = None, *, title: str = "", most: int = 1000
) -> "Figure":
    """Latents [N, L] in the plane, coloured by class, each class named where it lies.

    Two dimensions are drawn as they are, and more by t-SNE, which does not see the classes. It
    keeps neighbours together: classes that are apart in L dimensions are apart in the plane, while
    distances between groups, and their sizes, mean nothing there. With classes the caption says
    how many of the ten nearest neighbours of a point have its class, in L dimensions and in the
    map.

    Args:
        z: Latents [N, L], such as posterior means.
        y: Classes [N], or other values: more than twenty different ones are shown as a scale.
        title: Above the axes.
        most: How many points are drawn, the first ones. t-SNE of 1,000 takes about three seconds.

    Source:
        Visualizing Data using t-SNE (van der Maaten & Hinton, 2008),
        https://www.jmlr.org/papers/v9/vandermaaten08a.html
    """
    points = z.detach().cpu().double().numpy()[:most]
    values = None if y is None else y.detach().cpu().numpy()[:most]
    figure, axes = figure_of(0.85)
    plane, words = plane_of(points)
    axes.set(xlabel=words[0], ylabel=words[1])
    if values is None:
        axes.scatter(*plane.T, **dots(len(plane)))
    elif len(np.unique(values)) > _MOST_CLASSES:
        figure.colorbar(
            axes.scatter(plane[:, 0], plane[:, 1], c=values, **dots(len(plane))), label="y"
        )
    else:
        _classes(axes, plane, values)
        if len(points) > _NEIGHBOURS:
            told = [f"{100 * _agreement(p, values):.0f} % in {n}" for p, n in (
                (points, f"{points.shape[1]} dimensions"), (plane, "the map"),
            )]  # fmt: skip
            own = f"{_NEIGHBOURS} nearest neighbours of the same class: " + ", ".join(
                told if points.shape[1] > 2 else told[:1]
            )
            axes.set_xlabel("\n".join(filter(None, [words[0], own])), fontsize=9)
    if words[0].startswith("t-SNE"):
        axes.set(xticks=[], yticks=[])  # of no meaning
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(title, fontsize=10)
    return figure


def plane_of(points: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """Points [N, L] in the plane [N, 2], and what the axes show: see `latent_space`."""
    size = points.shape[1]
    if size == 1:
        return np.concatenate([points, np.zeros_like(points)], axis=1), ("unit 0", "")
    if size == 2:
        return points, ("unit 0", "unit 1")
    order = np.argsort(-points.var(0), kind="stable")[:2]
    if len(points) < _FEWEST or not points.std(0).max() > 1e-6:  # too few, or all in one place
        return points[:, order], (f"unit {order[0]}", f"unit {order[1]}")
    from sklearn.manifold import TSNE  # takes a second; only this needs it

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    scaled = points / points.std(0).max()
    tsne = TSNE(2, perplexity=perplexity, init="pca", max_iter=_STEPS, random_state=0)
    return tsne.fit_transform(scaled).astype(float), (f"t-SNE of {size} dimensions", "")


def _classes(axes: "Axes", plane: np.ndarray, values: np.ndarray) -> None:
    """A colour for each class, and its name at the median of its points."""
    from matplotlib import colormaps
    from matplotlib.patheffects import withStroke

    found = np.unique(values)
    for i, value in enumerate(found):
        color = f"C{i}" if len(found) <= 10 else colormaps["tab20"](i)
        own = plane[values == value]
        axes.scatter(*own.T, color=color, **dots(len(plane)))
        axes.annotate(
            str(value), np.median(own, axis=0), ha="center", va="center", fontsize=12,
            weight="bold", color=color, path_effects=[withStroke(linewidth=3, foreground="w")],
        )  # fmt: skip


def dots(count: int) -> dict[str, Any]:
    """How points are drawn: smaller where there are many."""
    return {"s": min(20.0, max(3.0, 8000 / count)), "alpha": 0.75, "linewidths": 0}


def _agreement(points: np.ndarray, values: np.ndarray) -> float:
    """Share of the nearest neighbours that have the class of a point, the mean over points."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(points).kneighbors(return_distance=False)
    return float((values[found] == values[:, None]).mean())
