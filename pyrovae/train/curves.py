"""Curves of training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtime.figures import WIDTH, empty_figure, name_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SETTLED = 8  # from so many epochs on, the first steep climb may leave the axes


def training_curves(
    history: Sequence[Mapping[str, Any]], *, title: str = "", bound: str = "bound"
) -> "Figure":
    """Bound by epoch on training and validation data; below it reconstruction and KL.

    The panels below are there where the history has their values: log p(x|z) in expectation, and
    the KL of each latent site, both on the validation data. All are in nats per datum.

    Args:
        history: One mapping an epoch with "epoch", "train" and, where there are any, "val",
            "reconstruction" and "kl[site]" (`Run.history`).
        title: Above the axes.
        bound: Name of what "train" and "val" hold, such as "IWAE bound, K = 5".
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    sites = sorted(name for name in names if name.startswith("kl["))
    parts = [["reconstruction"]] if "reconstruction" in names else []
    parts += [sites] if sites else []
    figure = empty_figure(WIDTH, 3.6 + 1.7 * len(parts))
    drawn = figure.subplots(
        1 + len(parts), 1, sharex=True, squeeze=False, height_ratios=(2, *[1] * len(parts))
    )
    panels: list[Axes] = list(drawn[:, 0])
    _bounds(panels[0], history, f"{bound}\nnats per datum")
    for axes, keys in zip(panels[1:], parts, strict=True):
        _parts(axes, history, keys)
    for axes in panels:
        axes.grid(alpha=0.3)
        axes.margins(x=0.02)
    panels[-1].set_xlabel("epoch")
    panels[-1].locator_params(axis="x", integer=True)
    panels[0].set_title(title, fontsize=10)
    return figure


def bound_in_words(objective: object) -> str:
    """Name of the bound that an objective of this library or of Pyro is, for `training_curves`.

    Example:
        >>> from pyrovae.objectives import ELBO, IWAE
        >>> bound_in_words(IWAE(num_particles=5)), bound_in_words(ELBO())
        ('IWAE bound, K = 5', 'ELBO')
    """
    name = str(getattr(objective, "class_name", type(objective).__name__))
    words = name if name.endswith("ELBO") else f"{name} bound"
    particles = getattr(objective, "num_particles", 1)
    return f"{words}, K = {particles}" if particles > 1 else words


def _bounds(axes: "Axes", history: Sequence[Mapping[str, Any]], words: str) -> None:
    """Training and validation, with the best of the latter."""
    epochs, val = _points(history, "val")
    best = int(np.argmax(val)) if val else 0
    _line(axes, history, "train", "C0", "training")
    if val:
        _line(axes, history, "val", "C1", f"validation,\nbest {val[best]:.2f}")
        axes.plot(epochs[best], val[best], "o", color="C1", markersize=5, label="_best")
    values = _points(history, "train")[1] + val
    if len(history) >= _SETTLED and values:
        values = [v for v in values if v >= np.quantile(values, 0.05)]
    if values and max(values) > min(values):
        margin = 0.08 * (max(values) - min(values))
        axes.set_ylim(min(values) - margin, max(values) + margin)
    axes.set_ylabel(words)
    name_lines(axes, gap=0.11)


def _parts(axes: "Axes", history: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    """The reconstruction, or the KL of each site."""
    for number, key in enumerate(keys):
        site = key.removeprefix("kl[").rstrip("]")
        _line(axes, history, key, f"C{number + 2}", site if len(keys) > 1 else "_alone")
    if keys == ["reconstruction"]:
        axes.set_ylabel("E log p(x|z)")
    else:
        axes.set_ylabel("KL by site" if len(keys) > 1 else f"KL of {site}")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        name_lines(axes, gap=0.14)


def _line(
    axes: "Axes", history: Sequence[Mapping[str, Any]], key: str, color: str, label: str
) -> None:
    epochs, values = _points(history, key)
    if values:
        axes.plot(
            epochs, values, color=color, label=label, marker="o" if len(values) == 1 else None
        )


def _points(history: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Epochs and values of a column, where it has any."""
    rows = [row for row in history if row.get(key) is not None]
    return [row["epoch"] for row in rows], [float(row[key]) for row in rows]
