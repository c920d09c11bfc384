"""The picture of a diagnosis: what latents cost, what they bring, how they were learned."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LABELS = 12  # sites whose names fit below bars
_BARS = 200  # units that are drawn, the largest


class Diagnosed(Protocol):
    """What was measured of a latent, as `pyrovae.diagnose` gives it."""

    @property
    def name(self) -> str: ...
    @property
    def kl(self) -> float: ...
    @property
    def kl_error(self) -> float: ...
    @property
    def redrawn(self) -> float | None: ...
    @property
    def redrawn_error(self) -> float | None: ...
    @property
    def exchanged(self) -> float | None: ...
    @property
    def exchanged_error(self) -> float | None: ...
    @property
    def kl_by_unit(self) -> Tensor | None: ...
    @property
    def between(self) -> Tensor | None: ...
    @property
    def used(self) -> Tensor | None: ...
    @property
    def is_point(self) -> bool: ...


class Finding(Protocol):
    """What `pyrovae.diagnose` gives."""

    @property
    def sites(self) -> Sequence[Any]: ...
    @property
    def history(self) -> Sequence[Mapping[str, Any]]: ...


def diagnosis(found: Finding, *, title: str = "") -> "Figure":
    """Units of each latent by their KL, what each latent costs and brings, and KL by epoch.

    The bars of unused units are grey. Where the KL of units is not known, they show the share of
    their variance that is between the data. The panel of epochs is there if a history was given.

    Args:
        found: What `pyrovae.diagnose` gives.
        title: Above the panels.
    """
    sites: Sequence[Diagnosed] = [s for s in found.sites if _heights(s)[0] is not None]
    curves = _curves(found.history)
    rows = 2 if curves else 1
    figure = empty_figure(1.3 * WIDTH, 2.9 * rows + 0.3)
    upper, *lower = figure.subfigures(rows, 1) if rows > 1 else [figure.subfigures(1, 1)]
    widths = [max(4, min(_BARS, len(_heights(s)[0] or ()))) for s in sites]
    total = sum(widths) or 1
    shares = [max(0.15, 0.62 * w / total) * (1 if sites else 0) for w in widths]
    panels = upper.subplots(1, len(sites) + 1, width_ratios=[*shares, 0.38], squeeze=False)[0]
    for i, (axes, site) in enumerate(zip(panels, sites, strict=False)):
        _units(axes, site, f"C{i}")
    _share_heights(panels[: len(sites)], [_heights(site)[1] for site in sites])
    _worth(panels[-1], found.sites)
    if lower:
        _learning(lower[0].subplots(), curves, [s.name for s in sites])
    figure.suptitle(title, fontsize=10) if title else None
    return figure


def _heights(site: Diagnosed) -> tuple[list[float] | None, str]:
    """A number for each unit, and what it is."""
    if site.kl_by_unit is not None:
        return site.kl_by_unit.tolist(), "KL of each unit, nats"
    if site.between is not None:
        return site.between.tolist(), "share of variance between data"
    return None, ""


def _units(axes: "Axes", site: Diagnosed, color: str) -> None:
    heights, what = _heights(site)
    used = site.used
    if heights is None or used is None:
        return
    order = sorted(range(len(heights)), key=lambda i: -heights[i])
    shown = order[:_BARS]
    colors = [color if bool(used[i]) else "0.75" for i in shown]
    width = 0.8 if len(shown) < 60 else 1.0
    axes.bar(range(len(shown)), [heights[i] for i in shown], color=colors, width=width)
    count = f"{int(used.sum())} of {len(heights)} used"
    axes.set_title(f"{site.name}: {count}", fontsize=9)
    axes.set(ylabel=what)
    left_out = "" if len(order) <= _BARS else f", the first {_BARS}"
    axes.set_xlabel(f"units, sorted{left_out}")
    named = shown if len(shown) <= _MOST_LABELS else []
    axes.set_xticks(range(len(named)), [str(i) for i in named], fontsize=7)
    axes.set_ylim(bottom=0, top=max(1.08 * max(heights), 0.02))
    axes.grid(alpha=0.3, axis="y")


def _share_heights(panels: Sequence["Axes"], what: Sequence[str]) -> None:
    """One scale for the units of all latents, where they show the same: a label at the left."""
    if len(panels) < 2 or len(set(what)) > 1:
        return
    top = max(axes.get_ylim()[1] for axes in panels)
    for i, axes in enumerate(panels):
        axes.set_ylim(top=top)
        if i:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)


def _worth(axes: "Axes", sites: Sequence[Diagnosed]) -> None:
    """What each latent costs, and what is lost without it."""
    kinds = [
        ("costs (KL)", [None if s.is_point else s.kl for s in sites], [s.kl_error for s in sites],
         "0.45"),
        ("lost: drawn from its prior", [s.redrawn for s in sites],
         [s.redrawn_error for s in sites], "C2"),
        ("lost: of another datum", [s.exchanged for s in sites],
         [s.exchanged_error for s in sites], "C4"),
    ]  # fmt: skip
    every = []
    for k, (label, values, errors, color) in enumerate(kinds):
        known = [i for i, v in enumerate(values) if v is not None and math.isfinite(v)]
        if not known:
            continue
        heights = [float(values[i] or 0.0) for i in known]
        bars = [_known(errors[i]) for i in known]
        axes.bar(
            [i + 0.27 * (k - 1) for i in known], heights, 0.25, yerr=bars, color=color,
            label=label, error_kw={"elinewidth": 1, "ecolor": "0.2"},
        )  # fmt: skip
        every += heights
    axes.set_xticks(range(len(sites)), [s.name for s in sites])
    axes.set_xlim(-0.6, len(sites) - 0.4)
    if every and max(every) > 0:
        axes.set_yscale("symlog", linthresh=max(0.1, 0.01 * max(every)))
        axes.set_ylim(bottom=min(0.0, *every), top=40 * max(every))
        axes.legend(frameon=False, fontsize=7, loc="upper left")
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set_title("what a latent costs and brings", fontsize=9)
    axes.set(ylabel="nats per datum, logarithmic")
    axes.grid(alpha=0.3, axis="y")


def _known(error: float | None) -> float:
    return 0.0 if error is None or not math.isfinite(error) else error


def _curves(history: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """KL by epoch of each latent that the history has."""
    names = dict.fromkeys(n for entry in history for n in entry if n.startswith("kl["))
    found = {
        name[3:-1]: [(e["epoch"], e[name]) for e in history if e.get(name) is not None]
        for name in names
    }
    return {name: points for name, points in found.items() if len(points) > 1}


def _learning(
    axes: "Axes", curves: Mapping[str, Sequence[tuple[float, float]]], order: Sequence[str]
) -> None:
    colors = {name: f"C{i}" for i, name in enumerate(order)}
    top = max(v for points in curves.values() for _, v in points)
    lowest = -math.inf
    for name, points in sorted(curves.items(), key=lambda curve: curve[1][-1][1]):
        color = colors.get(name, "0.4")
        axes.plot(*zip(*points, strict=True), color=color, label=name)
        epoch, end = points[-1]
        lowest = max(end, lowest + 0.09 * top)  # names do not cover each other
        axes.annotate(name, (epoch, lowest), xytext=(5, 0), textcoords="offset points",
                      va="center", fontsize=8, color=color)  # fmt: skip
    axes.set_ylim(bottom=0 if top > 0 else None, top=1.08 * top if top > 0 else None)
    axes.margins(x=0.03)
    axes.set_title("how each latent was learned", fontsize=9)
    axes.set(xlabel="epoch", ylabel="KL, nats per datum")
    axes.grid(alpha=0.3)
