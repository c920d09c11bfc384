"""How many latent units are active."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack, cast

from torch import Tensor

from ...errors import DataError
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..inputs import Data
from ..options import SweepOptions
from ..sweep import sweep_over, sweeps
from .posterior_means import means_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ActiveUnits(Result):
    """Which latent dimensions carry information about the data.

    Attributes:
        variance: Var_x(E_q[z]) by site, nested plates and event dims flattened [L], float64 on
            the CPU. Where E_q[z] is an average over particles, the variance of that average is
            subtracted. The result for an inactive unit is near zero, and may be negative.
        routes: By site, "exact" where the guide states its mean, else "averaged over K
            particles".
        threshold: A unit is active above it.
        num_data: Sample size N of the variance. State it with the number of units.
    """

    variance: Mapping[str, Tensor]
    routes: Mapping[str, str]
    threshold: float
    num_data: int

    @property
    def active(self) -> dict[str, Tensor]:
        """Whether each unit is active, by site [L]."""
        return {name: variance > self.threshold for name, variance in self.variance.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Number of active units by site."""
        return {name: int(active.sum()) for name, active in self.active.items()}

    @property
    def count(self) -> int:
        """Number of active units of all sites."""
        return sum(self.counts.values())

    def cells(self) -> list[list[str]]:
        rows = [
            [name, str(self.counts[name]), str(len(found)), f"{float(found.max()):.3g}",
             f"{float(found.min()):.3g}", self.routes[name]]
            for name, found in self.variance.items()
        ]  # fmt: skip
        return [["latent", "active", "units", "largest", "least", "E_q[z]"], *rows]

    def notes(self) -> list[str]:
        return [f"active: variance of E_q[z] above {self.threshold:g} over {self.num_data:,} data"]

    def records(self) -> list[dict[str, Any]]:
        """A row for each unit."""
        return [
            {"latent": name, "unit": unit, "variance": value, "active": value > self.threshold}
            for name, found in self.variance.items()
            for unit, value in enumerate(found.tolist())
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "active": self.count,
            "active_by_site": self.counts,
            "units_by_site": {name: len(found) for name, found in self.variance.items()},
            "variance": {name: found.tolist() for name, found in self.variance.items()},
            "routes": dict(self.routes),
            "threshold": self.threshold,
            "num_data": self.num_data,
        }

    def arrays(self) -> dict[str, Tensor]:
        return dict(self.variance)

    def plot(self) -> "Figure":
        """The variance of each unit by latent, the largest first, over the threshold."""
        from ...plots.values import sorted_units  # matplotlib is slow to import

        total = sum(map(len, self.variance.values()))
        return sorted_units(
            self.variance, label="variance of E_q[z]", limit=self.threshold,
            limit_label=f"threshold {self.threshold:g}",
            title=f"{self.count} of {total} units are active",
        )  # fmt: skip


@takes_pair
@sweeps
def active_units(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    threshold: float = 1e-2,
    num_particles: int = 100,
    **options: Unpack[SweepOptions],
) -> ActiveUnits:
    """Count latent units whose posterior mean varies with the data.

    The count depends on the scale of the prior: the usual threshold is meant for a prior of unit
    variance.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind, N >= 2: see `SweepOptions`.
        threshold: On the variance of the posterior means.
        num_particles: K >= 2, drawn only where the guide's mean is not exact: for flows, and
            below the first layer of a hierarchy.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        DataError: Fewer than two data.

    Source:
        Importance Weighted Autoencoders (Burda et al., 2016), sec. 5.2,
        https://arxiv.org/abs/1509.00519

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> print(active_units(oracle.model, oracle.guide, oracle.sample(100, seed=1)))
        latent  active  units  largest  least  E_q[z]
        z            2      2    ...      ...   exact
        active: variance of E_q[z] above 0.01 over 100 data
    """
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    if sweep.num_data < 2:
        raise DataError("active_units got one datum, and a variance over data needs at least two")
    means = means_of(sweep)
    averaged = f"averaged over {num_particles} particles"
    return ActiveUnits(
        variance={n: m.value.var(0) - cast(Tensor, m.noise).mean(0) for n, m in means.items()},
        routes={n: "exact" if m.is_exact else averaged for n, m in means.items()},
        threshold=threshold,
        num_data=sweep.num_data,
    )
