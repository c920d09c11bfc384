"""The sum of entropies beside the ELBO: as bars, and over training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..runtime.figures import empty_figure, figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Entropies(Protocol):
    """What `pyrovae.entropies` gives."""

    @property
    def monte_carlo_errors(self) -> Mapping[str, float]: ...

    @property
    def share(self) -> float: ...

    def means(self) -> dict[str, float]: ...


class EntropyCurve(Protocol):
    """What `evaluate.TrackEntropies` gives."""

    @property
    def epochs(self) -> tuple[int, ...]: ...

    @property
    def points(self) -> Sequence[Mapping[str, float]]: ...


def entropy_bars(found: Entropies, *, title: str = "") -> "Figure":
    """The three entropies with their signs, their sum, and the ELBO with three Monte-Carlo errors.

    Args:
        found: What `pyrovae.entropies` gives.
        title: Above the axes; by default the size of the difference.
    """
    means, errors = found.means(), found.monte_carlo_errors
    bars = [
        ("entropy of q(z|x)", means["encoder"], 0.0, "C0"),
        ("- entropy of p(z)", -means["prior"], 0.0, "C1"),
        ("- entropy of p(x|z)", -means["decoder"], 0.0, "C2"),
        ("sum of entropies", means["sum"], 3 * errors["sum"], "C3"),
        ("ELBO", means["elbo"], 3 * errors["elbo"], "0.35"),
    ]
    figure, axes = figure_of(0.42)
    places = np.arange(len(bars))[::-1]
    for place, (_, value, error, color) in zip(places, bars, strict=True):
        axes.barh(place, value, xerr=error or None, color=color, height=0.7)
        axes.annotate(
            f"{value:.2f}", (value, place), xytext=(5 if value >= 0 else -5, 0),
            textcoords="offset points", va="center", ha="left" if value >= 0 else "right",
            fontsize=9,
        )  # fmt: skip
    axes.set_yticks(places, [name for name, *_ in bars])
    axes.axhline(1.5, color="0.7", linewidth=0.8)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.16)
    axes.set(xlabel="nats per datum")
    difference = f"{means['difference']:+.3g} nats, {100 * found.share:.2g} % of the ELBO"
    axes.set_title(title or f"ELBO minus sum of entropies: {difference}", fontsize=10)
    axes.grid(alpha=0.3, axis="x")
    return figure


def entropy_curve(found: EntropyCurve, *, title: str = "") -> "Figure":
    """ELBO and sum of entropies by epoch, and below the size of their difference.

    Args:
        found: What `evaluate.TrackEntropies` gives.
        title: Above the axes.
    """
    figure = empty_figure(7.0, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    elbo, total = (np.array([p[n] for p in found.points]) for n in ("elbo", "sum"))
    above.plot(found.epochs, elbo, color="0.35", label="ELBO")
    above.plot(found.epochs, total, "--", color="C3", label="sum of entropies")
    later = np.concatenate([elbo, total[len(total) // 10 :]])  # the first sums may be far off
    if len(later):
        room = 0.08 * (later.max() - later.min() or 1.0)
        above.set_ylim(later.min() - room, later.max() + room)
    above.set(ylabel="nats per datum")
    above.legend(frameon=False, fontsize=9, loc="lower right")
    share = 100 * np.abs(elbo - total) / np.maximum(np.abs(elbo), 1e-12)
    below.plot(found.epochs, share, color="C0")
    below.axhline(1.0, color="0.6", linestyle=":", linewidth=1, label="1 %")
    below.legend(frameon=False, fontsize=9, loc="upper right")
    below.set_yscale("log")
    below.set(xlabel="epoch", ylabel="difference,\n% of the ELBO")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    above.set_title(title or "ELBO and sum of entropies over training", fontsize=10)
    return figure
