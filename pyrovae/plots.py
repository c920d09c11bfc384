"""Pictures: curves, image grids, the latent space, comparisons. Each function gives a Figure."""

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from sklearn.decomposition import PCA
from torch import Tensor

from .errors import ShapeError
from .evaluate import Comparison, Traversal

_WIDTH = 7.0  # inches
_DPI = 150
_KINDS = {
    "lower": (">", "lower bound", "C0"),
    "upper": ("<", "upper bound", "C4"),
    "estimate": ("D", "estimate, no bound", "C5"),
    "unknown": ("x", "not known to be a bound", "C7"),
}
"""How a picture shows on which side of log p(x) a value is: marker, words, colour."""


def training_curves(history: Sequence[Mapping[str, Any]], *, title: str = "") -> Figure:
    """Bound on training and validation data by epoch, in nats per datum.

    Below it the KL of each latent layer, where there are several.

    Args:
        history: One mapping an epoch with "epoch", "train" and, where there is one, "val"
            and "kl[site]" (`Run.history`).
        title: Above the axes.
    """
    layers = [name for name in history[0] if name.startswith("kl[")] if history else []
    if layers:
        figure = Figure(figsize=(_WIDTH, 0.9 * _WIDTH), dpi=_DPI, layout="constrained")
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 4))
        _layer_curves(below, history, layers)
    else:
        figure, axes = _figure(0.55)
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row["train"] for row in history], color="C0", label="train")
    val = [(row["epoch"], row["val"]) for row in history if row.get("val") is not None]
    if val:
        axes.plot(*zip(*val, strict=True), color="C1", label="validation")
        epoch, best = max(val, key=lambda pair: pair[1])
        axes.plot(epoch, best, "o", color="C1", markersize=5)
        axes.annotate(
            f"best {best:.2f}", (epoch, best), xytext=(-6, -14), textcoords="offset points",
            ha="right", color="C1",
        )  # fmt: skip
    values = [row["train"] for row in history] + [v for _, v in val]
    settled = values if len(history) < 8 else [v for v in values if v >= np.quantile(values, 0.05)]
    if settled and max(settled) > min(settled):
        margin = 0.08 * (max(settled) - min(settled))
        axes.set_ylim(min(settled) - margin, max(settled) + margin)
    axes.set(ylabel="bound, nats per datum", title=title)
    figure.axes[-1].set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower right")
    return figure


def image_grid(images: Tensor, *, columns: int | None = None, title: str = "") -> Figure:
    """Images [N, C, H, W] (C = 1 or 3) or [N, H, W], row by row, on one grey scale.

    Raises:
        ShapeError: `images` has another shape.
    """
    pixels = _as_images(images)
    columns = columns or math.ceil(math.sqrt(len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    figure, axes = _figure(rows / columns + (0.06 if title else 0.0))
    _show(axes, _tile(pixels, rows, columns))
    axes.set_title(title)
    return figure


def reconstructions(x: Tensor, reconstructed: Tensor, *, title: str = "") -> Figure:
    """Originals over reconstructions, both [N, C, H, W]; up to sixteen in a row."""
    columns = min(16, len(x))
    tops, bottoms = (_as_images(t) for t in (x, reconstructed))
    pairs = []
    for start in range(0, len(x) - len(x) % columns, columns):
        pairs += [tops[start : start + columns], bottoms[start : start + columns]]
    tiles = np.concatenate(pairs)
    rows = len(tiles) // columns
    figure, axes = _figure(rows / columns + (0.09 if title else 0.0))
    _show(axes, _tile(tiles, rows, columns, gap_after=2))
    axes.set_title(title)
    return figure


def traversals(found: Traversal, *, title: str = "") -> Figure:
    """What each latent unit does: a row for each, the most informative on top.

    Args:
        found: What `pyrovae.traverse` gives, of images [C, H, W].
        title: Above the axes.

    Raises:
        ShapeError: The data are no images.
    """
    rows, columns = found.images.shape[:2]
    pixels = _as_images(found.images.flatten(0, 1))
    _, height, width, _ = pixels.shape
    share = 0.87  # of the width, beside the words
    figure, axes = _figure(share * rows * height / (columns * width) + (0.12 if title else 0.08))
    _show(axes, _tile(pixels, rows, columns))
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)
    words = "KL" if found.ordered_by == "KL" else "var"
    axes.set_yticks(
        np.arange(rows) * (height + 1) + (height - 1) / 2,
        [f"unit {int(u)}: {words} {i:.2f}"
         for u, i in zip(found.units, found.information.tolist(), strict=True)],
    )  # fmt: skip
    axes.set_xticks(
        np.arange(columns) * (width + 1) + (width - 1) / 2,
        [f"{value:.3g}" for value in found.values.tolist()],
    )
    unit = "KL in nats" if words == "KL" else found.ordered_by
    axes.set(xlabel=f"value of the unit of {found.site} (rows by {unit})", title=title)
    return figure


def latent_space(z: Tensor, y: Tensor | None = None, *, title: str = "") -> Figure:
    """Latents [N, L] in the plane, coloured by label; two principal components where L > 2."""
    points = z.detach().cpu().double().numpy()
    labels: tuple[str, ...] = ("z1", "z2")
    if points.shape[1] == 1:
        points = np.concatenate([points, np.zeros_like(points)], axis=1)
    if points.shape[1] > 2:
        pca = PCA(2, random_state=0).fit(points)
        points = pca.transform(points)
        shares = 100 * pca.explained_variance_ratio_
        labels = tuple(f"principal component {i + 1} ({s:.0f} %)" for i, s in enumerate(shares))
    figure, axes = _figure(0.8)
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


def comparison(found: Comparison, *, title: str = "") -> Figure:
    """Objectives side by side: bound, signal-to-noise of the gradients, what a step costs.

    A marker points to where log p(x) is: to the right of lower bounds, to the left of upper ones;
    estimates may be on either side. What is not finite is written instead of drawn.

    Args:
        found: What `pyrovae.compare` gives.
        title: Above the axes.
    """
    rows = list(found.rows)[::-1]  # the first on top
    height = 2.0 + 0.34 * len(rows)
    figure = Figure(figsize=(1.6 * _WIDTH, height), dpi=_DPI, layout="constrained")
    bound, snr, cost, product = figure.subplots(1, 4, sharey=True)
    names = [fill(row["objective"], 34) for row in rows]
    bound.set_yticks(np.arange(len(rows)), names, fontsize=8)
    _bounds(bound, rows, found.facts)
    for i, group in enumerate(found.groups):
        look = {"fmt": "os^"[i], "ms": 4, "color": f"C{i + 1}", "label": group}
        for axes, column in ((snr, "snr"), (product, "variance_x_ms")):
            _points(axes, [row[f"{group}_{column}"] for row in rows], positive=True, **look)
    for axes in (snr, product):
        _not_finite(axes, [sum(row[f"{g}_variance"] for g in found.groups) for row in rows])
    snr.set(xlabel="median SNR of the gradient")
    product.set(xlabel="variance x ms")
    for axes, column in ((snr, "snr"), (product, "variance_x_ms")):
        _whole_decades(axes, [row[f"{group}_{column}"] for row in rows for group in found.groups])
    _points(
        cost,
        [row["milliseconds"] for row in rows],
        [
            [max(0.0, row["milliseconds"] - row["milliseconds_low"]) for row in rows],
            [max(0.0, row["milliseconds_high"] - row["milliseconds"]) for row in rows],
        ],
        fmt="o", ms=4, color="C0",
    )  # fmt: skip
    cost.set(xlabel="ms per step")
    cost.set_xlim(left=0)
    for axes in (bound, snr, cost, product):
        axes.grid(alpha=0.3)
        axes.margins(y=0.6 / len(rows))
    (lines, words), (marks, groups) = (a.get_legend_handles_labels() for a in (bound, snr))
    figure.legend(
        lines + marks,
        words + groups,
        title="bars: three Monte Carlo errors of values, quartiles of times",
        loc="outside lower center",
        ncols=7,
        frameon=False,
        fontsize=9,
        title_fontsize=9,
    )
    figure.suptitle(title or f"rows: {found.facts['rows_at']}", fontsize=9)
    return figure


def _bounds(axes: Axes, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    """Values with their errors, a marker for each kind, and log p(x)."""
    for kind, (marker, words, color) in _KINDS.items():
        values = [row["bound"] if row["kind"] == kind else math.nan for row in rows]
        errors = [3 * row["bound_monte_carlo_error"] for row in rows]
        if any(row["kind"] == kind for row in rows):
            _points(axes, values, errors, fmt=marker, ms=5, color=color, label=words)
    _not_finite(axes, [row["bound"] for row in rows])
    truth, error = facts["log_px"], 3 * facts["log_px_error"]
    if math.isfinite(truth):
        axes.axvline(truth, color="black", linewidth=1, label="log p(x)")
        if error > 0:
            axes.axvspan(truth - error, truth + error, color="black", alpha=0.12, linewidth=0)
    axes.set(xlabel="value, nats per datum")


def _points(
    axes: Axes,
    values: Sequence[float],
    errors: Any = None,  # noqa: ANN401 (as matplotlib takes them)
    *,
    positive: bool = False,
    **look: Any,  # noqa: ANN401
) -> None:
    """A point a row, where there is one to draw."""
    x = np.array(values, dtype=float)
    drawn = np.isfinite(x) & ((x > 0) | (not positive))
    bars = None if errors is None else np.nan_to_num(np.array(errors, dtype=float), posinf=0.0)
    bars = None if bars is None else bars[..., drawn]
    axes.errorbar(x[drawn], np.arange(len(x))[drawn], xerr=bars, **look)


def _not_finite(axes: Axes, values: Sequence[float]) -> None:
    """Say so at the rows of values that are not."""
    for place, value in enumerate(values):
        if not math.isfinite(value):
            axes.text(
                0.03, place, "not finite", transform=axes.get_yaxis_transform(),
                va="center", fontsize=8, color="C3",
            )  # fmt: skip


def _figure(aspect: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, max(0.8, _WIDTH * aspect)), dpi=_DPI, layout="constrained")
    return figure, figure.subplots()


def _whole_decades(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with a label at either end."""
    known = [math.log10(v) for v in values if 0 < v < math.inf]
    if known:
        low, high = math.floor(min(known)), math.ceil(max(known))
        axes.set_xscale("log")  # where nothing is positive there is no such scale
        axes.set_xlim(0.8 * 10.0**low, 1.25 * 10.0 ** max(high, low + 1))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _layer_curves(axes: Axes, history: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> None:
    """KL by epoch, a line for each layer."""
    for name in sorted(layers):
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=name.removeprefix("kl[").rstrip("]"))
    axes.set(ylabel="KL of each layer, nats")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=4, fontsize=8)


def _as_images(images: Tensor) -> np.ndarray:
    """[N, H, W, C] in [0, 1], on the scale of the whole set."""
    x = images.detach().cpu().to(torch.float32)
    if x.dim() == 3:
        x = x.unsqueeze(1)
    if x.dim() != 4 or x.shape[1] not in (1, 3):
        raise ShapeError(
            f"a picture needs images [N, C, H, W] with one or three channels, got "
            f"{list(images.shape)}; reshape the data, or write arrays (--out FILE.npz)"
        )
    low, high = x.min(), x.max()
    scaled = (x - low) / (high - low).clamp_min(1e-12)
    return scaled.permute(0, 2, 3, 1).numpy()


def _tile(pixels: np.ndarray, rows: int, columns: int, gap_after: int = 0) -> np.ndarray:
    """One picture of all, a pixel apart, with a wider gap after every `gap_after` rows."""
    _, height, width, channels = pixels.shape
    extra = max(1, height // 4) if gap_after else 0
    gaps = (rows - 1) // gap_after * extra if gap_after else 0
    canvas = np.ones((rows * (height + 1) - 1 + gaps, columns * (width + 1) - 1, channels))
    for i, image in enumerate(pixels):
        row, column = divmod(i, columns)
        top = row * (height + 1) + (row // gap_after * extra if gap_after else 0)
        canvas[top : top + height, column * (width + 1) : column * (width + 1) + width] = image
    return canvas


def _show(axes: Axes, canvas: np.ndarray) -> None:
    axes.imshow(
        canvas.squeeze(-1) if canvas.shape[-1] == 1 else canvas, cmap="gray", vmin=0, vmax=1
    )
    axes.set_axis_off()
