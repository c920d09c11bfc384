"""The table and the figure of `docs/scale.md`, from the points of `scale.py`."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

DOCS = Path(__file__).parents[1] / "docs"
SIZES = {
    "data": "rows of data, N",
    "particles": "particles, K",
    "latent size": "latent size, L",
    "stochastic layers": "stochastic layers",
    "network layers": "layers of a network",
    "batch": "rows of a batch, B",
    "ranks": "ranks",
    "compiling": "layers, to compile",
}
# The memory of a process tells little of what takes less than it keeps anyway.
OF_PROCESS = {"data": {"build a split", "checkpoint"}}


def curves(points, what):
    """Sizes and values of each curve that has such values."""
    found = {}
    for point in points:
        if point.get(what):
            found.setdefault(point["curve"], []).append((point["x"], point[what]))
    return {name: np.array(sorted(some), float).T for name, some in found.items()}


def exponent(x, y):
    """Slope of log y by log x in the upper decade, and where that line leaves the lowest value.

    Below the second number what does not depend on the size takes longer. None where the points
    are too few, or the line reaches beyond them.
    """
    upper = x >= x.max() / 10.5
    if upper.sum() < 2 or len(x) < 3:
        return None, None
    slope, start = np.polyfit(np.log(x[upper]), np.log(y[upper]), 1)
    bend = np.exp((np.log(y.min()) - start) / slope) if slope > 0.2 else None
    return slope, bend if bend is not None and bend > 1.5 * x.min() else None


def memory(name, axis):
    found = curves(axis["points"], "bytes")
    kept = OF_PROCESS.get(name)
    return {curve: some for curve, some in found.items() if kept is None or curve in kept}


def table(kept):
    lines = [
        "| | time grows as | from | memory grows as | largest | time there | memory there |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, size in SIZES.items():
        if name not in kept:
            continue
        lines.append(f"| **{size}** | | | | | | |")
        held = memory(name, kept[name])
        for curve, (x, y) in curves(kept[name]["points"], "seconds").items():
            slope, bend = exponent(x, y)
            bytes_of = held.get(curve)
            growth = None if bytes_of is None else exponent(*bytes_of)[0]
            cells = [
                curve,
                _power(slope),
                "" if bend is None else f"{float(f'{bend:.1g}'):,.0f}",
                _power(growth),
                f"{x[-1]:,.0f}",
                _seconds(y[-1]),
                "" if bytes_of is None else _bytes(bytes_of[1][-1]),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _power(slope):
    if slope is None:
        return ""
    return "constant" if abs(slope) < 0.1 else f"size^{slope:.2f}"


def _seconds(value):
    shown = float(f"{value:.2g}")
    return f"{shown:g} s" if shown >= 1 else f"{1e3 * shown:g} ms"


def _bytes(value):
    return f"{value / 1e6:,.0f} MB" if value >= 1e6 else f"{value / 1e3:,.0f} kB"


def figure(kept):
    mpl.use("Agg")
    from matplotlib import pyplot

    panels = [(name, "seconds", curves(kept[name]["points"], "seconds")) for name in kept]
    panels += [(name, "bytes", memory(name, kept[name])) for name in kept]
    order = list(SIZES)
    panels = sorted(
        ((n, u, c) for n, u, c in panels if c), key=lambda p: (p[1] == "bytes", order.index(p[0]))
    )
    columns = 3
    rows = -(-len(panels) // columns)
    made, axes = pyplot.subplots(rows, columns, figsize=(13, 3.4 * rows), squeeze=False)
    for axis, (name, unit, held) in zip(axes.flat, panels, strict=False):
        for curve, (x, y) in held.items():
            slope, _ = exponent(x, y)
            label = curve if slope is None else f"{curve}: {slope:.2f}"
            axis.loglog(x, y, "o-", markersize=3, linewidth=1.2, label=label)
        axis.set_xlabel(SIZES[name])
        axis.set_ylabel("seconds" if unit == "seconds" else "bytes")
        axis.grid(alpha=0.25)
        axis.legend(fontsize=6, framealpha=0.6, loc="upper left")
        axis.set_ylim(top=axis.get_ylim()[1] * 8)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    made.suptitle("Time and memory by size; beside each name the exponent in the upper decade")
    made.tight_layout()
    made.savefig(DOCS / "scale.png", dpi=80)


def draw(kept):
    """Write the table between its marks on the page, and the figure."""
    page = DOCS / "scale.md"
    before, rest = page.read_text().split("<!-- table -->")
    _, after = rest.split("<!-- end of table -->")
    page.write_text(f"{before}<!-- table -->\n{table(kept)}\n<!-- end of table -->{after}")
    figure(kept)
