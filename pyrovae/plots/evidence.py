"""How an estimate of log p(x) rises with K, where it would go, and its spread over data."""

from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class RisingEstimate(Protocol):
    """What is drawn: see `pyrovae.evaluate.evidence.EvidenceEstimate`."""

    @property
    def log_px_at(self) -> Tensor: ...
    @property
    def ess(self) -> Tensor: ...
    @property
    def num_particles(self) -> int: ...
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def shortfalls(self) -> Tensor: ...
    @property
    def shortfall(self) -> float: ...
    @property
    def verdict(self) -> str: ...


def evidence(found: RisingEstimate) -> "Figure":
    """Draw the mean estimate against K, and histograms over data of shortfalls, ESS and k-hat.

    Args:
        found: What `log_evidence` or `ais` found; k-hat is drawn where it has one.
    """
    figure = empty_figure(WIDTH, 4.6)
    figure.suptitle(found.verdict, fontsize=9)
    grid = figure.add_gridspec(2, 3, height_ratios=[1.5, 1])
    _rise(figure.add_subplot(grid[0, :]), found)
    k_hat = getattr(found, "k_hat", None)
    columns = [
        (found.shortfalls, "probably too low by, nats"),
        (found.ess, f"ESS of {found.num_particles}"),
        (k_hat, "k-hat"),
    ]
    for place, (values, title) in enumerate(columns):
        if values is not None and bool(values.isfinite().any()):
            axes = figure.add_subplot(grid[1, place])
            axes.hist(values[values.isfinite()].numpy(), bins=30, color="tab:blue")
            axes.set_xlabel(title)
            axes.set_ylabel("data" if place == 0 else "")
            axes.tick_params(labelsize=8)
    return figure


def _rise(axes: "Axes", found: RisingEstimate) -> None:
    means = found.log_px_at.mean(1)
    axes.plot(found.sizes, means, "o-", color="tab:blue", label="estimate with so many particles")
    top = float(means[-1]) + found.shortfall
    if len(found.sizes) > 1:
        axes.axhline(top, color="tab:orange", ls="--", label="where it probably goes")
    axes.set_xscale("log")
    axes.set_xlabel("particles K")
    axes.set_ylabel("mean log p(x), nats")
    axes.legend(loc="lower right", fontsize=8)
