"""What the importance weights of each datum are like."""

from typing import TYPE_CHECKING, Protocol

import numpy as np
from torch import Tensor

from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Weighed(Protocol):
    """What `pyrovae.log_evidence` gives."""

    @property
    def ess(self) -> Tensor: ...

    @property
    def k_hat(self) -> Tensor: ...

    @property
    def num_particles(self) -> int: ...

    @property
    def threshold(self) -> float: ...


def weights(found: Weighed, *, title: str = "") -> "Figure":
    """Histograms over the data: effective sample size and Pareto k-hat of the weights.

    Values that are not finite are left out; their number is written.

    Args:
        found: What `log_evidence` gives.
        title: Above the axes.
    """
    figure = empty_figure(WIDTH, 0.4 * WIDTH)
    left, right = figure.subplots(1, 2)
    ess, k_hat = found.ess.numpy(), found.k_hat.numpy()
    bins = np.geomspace(1, max(2, found.num_particles), 31)
    left.hist(np.clip(ess[np.isfinite(ess)], 1, None), bins.tolist(), color="C0")
    left.set_xscale("log")
    left.set(xlabel=f"ESS, of {found.num_particles}", ylabel="data")
    known = k_hat[np.isfinite(k_hat)]
    right.hist(known, 30, color="C1")
    right.axvline(found.threshold, color="black", linestyle="--", linewidth=1)
    unknown = len(k_hat) - len(known)
    right.set(xlabel="Pareto k-hat" + (f" ({unknown} not known)" if unknown else ""))
    for axes in (left, right):
        axes.grid(alpha=0.3, axis="y")
        axes.set_axisbelow(True)
    figure.suptitle(title, fontsize=10)
    return figure
