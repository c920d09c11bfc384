"""Values by name: bars with their errors, points, sorted units, distributions, intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure, figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.34  # inches
_UNITS = 200  # bars of a panel, at most
_PANELS = 8


def bars(
    values: Mapping[str, float],
    errors: Mapping[str, float] | None = None,
    *,
    label: str,
    limit: float | None = None,
    limit_label: str = "",
    title: str = "",
) -> "Figure":
    """A horizontal bar for each value, with its standard error and the number beside it.

    Args:
        values: By name, in order; those that are not finite have no bar.
        errors: By name; those that are not finite are not drawn.
        label: Of the axis, with its unit.
        limit: Where a line is drawn.
        limit_label: What the line is.
        title: Above the axes.
    """
    height = 1.1 + _ROW * len(values) + (0.3 if limit is not None else 0.0)
    figure = empty_figure(WIDTH, height)
    axes = figure.subplots()
    places = np.arange(len(values))[::-1]
    lengths = np.array([v if math.isfinite(v) else 0.0 for v in values.values()])
    spread = np.array([_finite((errors or {}).get(name, math.nan)) for name in values])
    axes.barh(places, lengths, xerr=spread if spread.any() else None, color="C0", height=0.6,
              error_kw={"ecolor": "0.3", "capsize": 3})  # fmt: skip
    for place, value, length, error in zip(places, values.values(), lengths, spread, strict=True):
        side = -1 if length < 0 else 1
        axes.annotate(f"{value:.3g}", (length + side * error, place), xytext=(4 * side, 0),
                      textcoords="offset points", va="center",
                      ha="left" if side > 0 else "right", fontsize=8)  # fmt: skip
    axes.set_yticks(places, list(values))
    if limit is not None:
        axes.axvline(limit, color="C3", linestyle="--", linewidth=1, label=limit_label)
        figure.legend(frameon=False, fontsize=8, loc="outside lower right")
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.margins(x=0.15)
    axes.set(xlabel=label, title=title)
    axes.grid(alpha=0.3, axis="x")
    return figure


def points(values: Mapping[str, Sequence[float]], *, label: str, title: str = "") -> "Figure":
    """A row for each name: its values as points, their mean as a line.

    Args:
        values: By name.
        label: Of the axis, with its unit.
        title: Above the axes.
    """
    figure = empty_figure(WIDTH, 1.1 + _ROW * len(values))
    axes = figure.subplots()
    places = range(len(values))[::-1]
    for place, found in zip(places, values.values(), strict=True):
        axes.plot(found, [place] * len(found), "o", color="C0", alpha=0.6, markersize=5)
        mean = sum(found) / len(found)
        axes.plot([mean, mean], [place - 0.3, place + 0.3], color="black", linewidth=1.5)
    axes.set_yticks(list(places), list(values), fontsize=8)
    axes.margins(x=0.1, y=0.6 / len(values))
    axes.set(xlabel=label, title=title)
    axes.grid(alpha=0.3)
    return figure


def sorted_units(
    units: Mapping[str, Tensor],
    *,
    label: str,
    limit: float | None = None,
    limit_label: str = "",
    title: str = "",
) -> "Figure":
    """A panel for each latent: a bar for each of its units, the largest first.

    Args:
        units: By name of the latent, a number for each unit [L].
        label: What the numbers are, with their unit.
        limit: Where a line is drawn; the axis is logarithmic then.
        limit_label: What the line is.
        title: Above all.
    """
    shown = dict(list(units.items())[:_PANELS])
    figure = empty_figure(WIDTH, 0.6 + 2.2 * len(shown))
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, (name, found) in zip(panels, shown.items(), strict=True):
        values = found.double().sort(descending=True).values[:_UNITS].numpy()
        if limit is not None:
            values = values.clip(min=limit * 1e-3)
        axes.bar(np.arange(1, len(values) + 1), values, color="C0", width=0.8)
        axes.set_title(name if len(found) <= _UNITS else f"{name}, the first {_UNITS}", fontsize=9)
        axes.set_ylabel(label, fontsize=8)
        axes.grid(alpha=0.3, axis="y")
        axes.locator_params(axis="x", integer=True)
        if limit is not None:
            axes.set_yscale("log")
            axes.axhline(limit, color="C3", linestyle="--", linewidth=1, label=limit_label)
    if limit is not None and limit_label:
        handles = panels[0].get_legend_handles_labels()
        figure.legend(*handles, frameon=False, fontsize=8, loc="outside lower right")
    panels[-1].set_xlabel("unit, by rank")
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def distributions(
    found: Mapping[str, Tensor],
    *,
    label: str,
    counted: str = "data",
    logarithmic: bool = False,
    title: str = "",
) -> "Figure":
    """Histograms one above the other, over the same bins; a line where the median of each is.

    Args:
        found: By name, numbers [N]; those that are not finite are left out.
        label: What they are, with their unit.
        counted: What has one each.
        logarithmic: Draw numbers above zero on a logarithmic axis.
        title: Above the axes.
    """
    values = {name: v.double().flatten().numpy() for name, v in found.items()}
    values = {n: v[np.isfinite(v) & ((v > 0) | (not logarithmic))] for n, v in values.items()}
    figure = empty_figure(WIDTH, 0.9 + 1.5 * len(values))
    panels = figure.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
    every = np.concatenate([*values.values(), np.empty(0)])
    bins = _bins(every, logarithmic)
    for place, (axes, (name, own)) in enumerate(zip(panels, values.items(), strict=True)):
        if own.size:
            axes.hist(own, bins=bins, color=f"C{place}", alpha=0.8)
            median = float(np.median(own))
            axes.axvline(median, color="black", linewidth=1)
            name = f"{name}: median {median:.3g}"
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_ylabel(counted, fontsize=8)
        axes.grid(alpha=0.3)
        if logarithmic:
            axes.set_xscale("log")
    panels[-1].set_xlabel(label)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def intervals(lower: Tensor, upper: Tensor, *, label: str, title: str = "") -> "Figure":
    """A bar from the lower to the upper bound of each datum, by the lower one.

    Args:
        lower: [N].
        upper: [N].
        label: What is bounded, with its unit.
        title: Above the axes.
    """
    figure, axes = figure_of(0.5)
    order = lower.argsort()
    low, high = lower[order].numpy(), upper[order].numpy()
    place = np.arange(1, len(low) + 1)
    axes.vlines(place, low, high, color="C7", linewidth=2)
    axes.plot(place, low, "^", color="C0", markersize=4, label="lower bound")
    axes.plot(place, high, "v", color="C4", markersize=4, label="upper bound")
    axes.set(xlabel="datum, by its lower bound", ylabel=label, title=title)
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def _bins(values: np.ndarray, logarithmic: bool) -> np.ndarray:
    if not values.size:
        return np.linspace(0.1, 1, 2)
    low, high = np.quantile(values, [0.001, 0.999])
    if logarithmic:
        low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return np.logspace(low, max(high, low + 1), 41)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 41)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
