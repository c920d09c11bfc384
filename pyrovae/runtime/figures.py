"""What all pictures share: their width, and a figure with axes."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 7.0  # inches
DPI = 150


def figure_of(aspect: float) -> tuple[Figure, Axes]:
    """A figure of the common width with one pair of axes; `aspect` is height over width."""
    figure = Figure(figsize=(WIDTH, max(0.8, WIDTH * aspect)), dpi=DPI, layout="constrained")
    return figure, figure.subplots()
