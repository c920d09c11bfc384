"""What all pictures share: their width, and a figure with axes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # matplotlib takes half a second, and is imported with the first picture
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0  # inches
DPI = 150


def empty_figure(width: float, height: float) -> "Figure":
    """A figure of this size in inches, without axes."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def figure_of(aspect: float) -> tuple["Figure", "Axes"]:
    """A figure of the common width with one pair of axes; `aspect` is height over width."""
    figure = empty_figure(WIDTH, max(0.8, WIDTH * aspect))
    return figure, figure.subplots()
