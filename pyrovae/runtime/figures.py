"""What all pictures share: their width, a figure with axes, names beside lines."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # matplotlib takes half a second, and is imported with the first picture
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0  # inches
DPI = 150


def empty_figure(width: float, height: float) -> "Figure":
    """A figure of this size in inches, without axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    # A notebook shows a figure by itself only once pyplot has been imported.
    figure._repr_png_ = partial(_as_png, figure)  # type: ignore[attr-defined]
    return figure


def _as_png(figure: "Figure") -> tuple[bytes, dict[str, int]]:
    """For a notebook: the picture, and its width in the pixels of a page."""
    content = BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue(), {"width": round(96 * figure.get_figwidth())}


def bare_figure(width: float, height: float) -> "Figure":
    """A figure of this size in inches, without axes, which are placed by hand."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI)


def figure_of(aspect: float) -> tuple["Figure", "Axes"]:
    """A figure of the common width with one pair of axes; `aspect` is height over width."""
    figure = empty_figure(WIDTH, max(0.8, WIDTH * aspect))
    return figure, figure.subplots()


def name_lines(axes: "Axes", gap: float = 0.09) -> None:
    """Write the label of each line beside its end, in its colour, right of the axes.

    It takes the place of a legend, once the limits of the axes are as they will stay.

    Args:
        axes: Lines whose labels start with an underscore are left out, as in a legend.
        gap: Least distance between two names, as a share of the height.
    """
    low, high = axes.get_ylim()
    named = []
    for line in axes.get_lines():
        values, name = np.asarray(line.get_ydata(), dtype=float), str(line.get_label())
        values = values[np.isfinite(values)]
        if len(values) and not name.startswith("_"):
            share = (values[-1] - low) / (high - low)
            named.append((min(max(share, 0.02), 0.98), name, line.get_color()))
    named.sort(key=lambda each: each[0])
    places = spread([share for share, _, _ in named], gap)
    for place, (_, name, color) in zip(places, named, strict=True):
        axes.text(
            1.01, place, name, transform=axes.transAxes, color=color, va="center", fontsize=9
        )


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Sorted places moved apart by at least `gap`, as little as that takes, inside [0, 1]."""
    if not places:
        return []
    gap = min(gap, 1 / len(places))
    found = list(places)
    for i in range(1, len(found)):
        found[i] = max(found[i], found[i - 1] + gap)
    shift = sum(f - p for f, p in zip(found, places, strict=True)) / len(found)
    found = [f - shift for f in found]
    found[-1] = min(found[-1], 1 - gap / 2)
    for i in range(len(found) - 2, -1, -1):
        found[i] = min(found[i], found[i + 1] - gap)
    found[0] = max(found[0], gap / 2)
    for i in range(1, len(found)):
        found[i] = max(found[i], found[i - 1] + gap)
    return found
