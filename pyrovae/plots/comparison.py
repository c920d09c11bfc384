"""Objectives side by side: the picture of `pyrovae.compare`."""

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS = {
    "lower": (">", "lower bound", "C0"),
    "upper": ("<", "upper bound", "C4"),
    "estimate": ("D", "estimate, no bound", "C5"),
    "unknown": ("x", "not known to be a bound", "C7"),
}
"""How a picture shows on which side of log p(x) a value is: marker, words, colour."""


class Compared(Protocol):
    """What `pyrovae.compare` gives."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def groups(self) -> list[str]: ...


def comparison(found: Compared, *, title: str = "") -> "Figure":
    """Objectives side by side: bound, signal-to-noise of the gradients, what a step costs.

    A marker points to where log p(x) is: to the right of lower bounds, to the left of upper ones;
    estimates may be on either side. What is not finite is written instead of drawn.

    Args:
        found: What `pyrovae.compare` gives.
        title: Above the axes.
    """
    rows = list(found.rows)[::-1]  # the first on top
    height = 2.0 + 0.34 * len(rows)
    figure = empty_figure(1.6 * WIDTH, height)
    bound, snr, cost, product = figure.subplots(1, 4, sharey=True)
    names = [fill(row["objective"], 34) for row in rows]
    bound.set_yticks(np.arange(len(rows)), names, fontsize=8)
    _bounds(bound, rows, found.facts)
    for i, group in enumerate(found.groups):
        look = {"fmt": "os^"[i], "ms": 4, "color": f"C{i + 1}", "label": group}
        for axes, column in ((snr, "snr"), (product, "variance_x_ms")):
            _points(axes, [row[f"{group}_{column}"] for row in rows], positive=True, **look)
    for axes in (snr, product):
        _not_finite(axes, [_variance(row, found.groups) for row in rows])
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
    cost.set_xlim(0, 1.05 * cost.get_xlim()[1])  # from zero, and no mark is cut
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


def _variance(row: Mapping[str, Any], groups: Sequence[str]) -> float:
    """Of all gradients of a row; zero where an interrupt came before them."""
    total = sum(float(row[f"{group}_variance"]) for group in groups)
    return 0.0 if row.get("unfinished") and math.isnan(total) else total


def _bounds(axes: "Axes", rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
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
    axes: "Axes",
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


def _not_finite(axes: "Axes", values: Sequence[float]) -> None:
    """Say so at the rows of values that are not."""
    for place, value in enumerate(values):
        if not math.isfinite(value):
            axes.text(
                0.03, place, "not finite", transform=axes.get_yaxis_transform(),
                va="center", fontsize=8, color="C3",
            )  # fmt: skip


def _whole_decades(axes: "Axes", values: Sequence[float]) -> None:
    """A logarithmic axis with a label at either end."""
    known = [math.log10(v) for v in values if 0 < v < math.inf]
    if known:
        low, high = math.floor(min(known)), math.ceil(max(known))
        axes.set_xscale("log")  # where nothing is positive there is no such scale
        axes.set_xlim(0.8 * 10.0**low, 1.25 * 10.0 ** max(high, low + 1))
        from matplotlib.ticker import NullFormatter

        axes.xaxis.set_minor_formatter(NullFormatter())
