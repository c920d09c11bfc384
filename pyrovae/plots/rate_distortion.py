"""The plane of rate and distortion, both over beta, and the quality that a rate buys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..runtime.figures import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Stream(Protocol):
    """What sending latents costs."""

    @property
    def bits_per_dim(self) -> Sequence[float]: ...

    @property
    def psnr(self) -> Sequence[float]: ...


class Point(Protocol):
    """One pair."""

    @property
    def name(self) -> str: ...

    @property
    def beta(self) -> float: ...

    @property
    def rate(self) -> float: ...

    @property
    def distortion(self) -> float: ...

    @property
    def minus_elbo(self) -> float: ...

    @property
    def psnr(self) -> float: ...

    @property
    def lossy(self) -> Stream | None: ...


class Curve(Protocol):
    """What `apply.rate_distortion` gives."""

    @property
    def points(self) -> Sequence[Point]: ...

    @property
    def entropy(self) -> float | None: ...


def rate_distortion(found: Curve, *, title: str = "") -> "Figure":
    """Left distortion against rate, in the middle both over beta, right PSNR against rate.

    Left, each pair is labelled with its beta, and has a short line of slope -beta: the curve of
    the best pairs of this kind has that slope where a pair is optimal. On a diagonal the ELBO is
    the same. Below the solid one, at the entropy of the data, no pair can be; where the entropy is
    not known, the dashed one is the largest ELBO that was found, and the entropy is below it.

    Args:
        found: What `apply.rate_distortion` gives.
        title: Above.
    """
    figure = empty_figure(13.0, 4.4)
    plane, over_beta, quality = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    names = list(dict.fromkeys(point.name for point in found.points))
    _diagonals(plane, found)
    for place, name in enumerate(names):
        points = [point for point in found.points if point.name == name]
        _curve(plane, points, f"C{place}", name or "pairs, by beta")
        _over_beta(over_beta, points, place, name)
        _quality(quality, points, place, name)
    plane.set(xlabel="rate KL(q || p), bits/dim", ylabel="distortion -log p(x|z), bits/dim")
    over_beta.set(xlabel="beta", ylabel="bits/dim")
    if all(point.beta > 0 for point in found.points):
        over_beta.set_xscale("log")
    quality.set(xlabel="rate, bits/dim", ylabel="PSNR, dB")
    for axes in (plane, over_beta, quality):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, frameon=False)
    figure.suptitle(title or "Rate and distortion of pairs trained with beta", fontsize=10)
    return figure


def _diagonals(axes: "Axes", found: Curve) -> None:
    """Lines of equal ELBO, and the one below which nothing is, or is known to be."""
    sums = [point.minus_elbo for point in found.points]
    rates = [point.rate for point in found.points]
    distortions = [point.distortion for point in found.points]
    room = [0.1 * (max(v) - min(v)) or 0.05 for v in (rates, distortions)]
    low, high = min(distortions) - room[1], max(distortions) + room[1]
    axes.set_xlim(min(0.0, min(rates)) - 0.3 * room[0], max(rates) + 2 * room[0])
    axes.set_ylim(low, high)
    ends = np.array(axes.get_xlim())
    for total in np.linspace(min(sums), max(sums), 5)[1:]:
        axes.plot(ends, total - ends, color="0.85", linewidth=0.8, zorder=0)
        _named(axes, total, f"{total:.3g}")
    if found.entropy is not None:
        axes.plot(ends, found.entropy - ends, color="black", linewidth=1.2,
                  label=f"entropy of the data {found.entropy:.4g}: none below")  # fmt: skip
        axes.fill_between(ends, found.entropy - ends, low, color="black", alpha=0.08, linewidth=0)
    else:
        axes.plot(ends, min(sums) - ends, "--", color="0.4", linewidth=1,
                  label=f"largest ELBO {-min(sums):.4g}")  # fmt: skip


def _named(axes: "Axes", total: float, words: str) -> None:
    """Write what a diagonal stands for at its right or lower end, inside of the axes."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x = min(right, total - bottom)
    if left < x and bottom <= total - x < top:
        axes.annotate(
            words, (x, total - x), xytext=(-2, 2), textcoords="offset points", fontsize=7,
            color="0.5", ha="right", va="bottom",
        )  # fmt: skip


def _curve(axes: "Axes", points: Sequence[Point], color: str, label: str) -> None:
    rates, distortions = [p.rate for p in points], [p.distortion for p in points]
    axes.plot(rates, distortions, "o-", color=color, linewidth=1, ms=5, label=label)
    span = np.diff(axes.get_xlim())[0], np.diff(axes.get_ylim())[0]
    for p in points:
        step = 0.06 / np.hypot(1 / span[0], p.beta / span[1])  # of one length in the picture
        axes.plot([p.rate - step, p.rate + step],
                  [p.distortion + p.beta * step, p.distortion - p.beta * step],
                  color=color, alpha=0.45, linewidth=3)  # fmt: skip
        axes.annotate(f"{p.beta:g}", (p.rate, p.distortion), textcoords="offset points",
                      xytext=(6, 5), fontsize=8, color=color)  # fmt: skip


def _over_beta(axes: "Axes", points: Sequence[Point], place: int, name: str) -> None:
    betas = [p.beta for p in points]
    end = f", {name}" if name else ""
    looks = (("rate", "o-"), ("distortion", "s--"), ("minus_elbo", "^:"))
    for which, (column, look) in enumerate(looks):
        color = f"C{which}" if not name else f"C{place}"
        axes.plot(betas, [getattr(p, column) for p in points], look, color=color, ms=4,
                  label=column.replace("minus_elbo", "-ELBO") + end)  # fmt: skip


def _quality(axes: "Axes", points: Sequence[Point], place: int, name: str) -> None:
    axes.plot([p.rate for p in points], [p.psnr for p in points], "o", color=f"C{place}",
              markerfacecolor="none", label=name or "KL of q(z|x), one draw")  # fmt: skip
    for number, p in enumerate(points):
        if p.lossy is not None:
            axes.plot(p.lossy.bits_per_dim, p.lossy.psnr, ".-", color=f"C{number + 1}",
                      label=f"stream, beta {p.beta:g}")  # fmt: skip
