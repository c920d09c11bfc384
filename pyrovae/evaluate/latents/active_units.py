"""How many latent units are active."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack, cast

from torch import Tensor

from ...errors import DataError
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..inputs import Data
from ..options import SweepOptions
from ..sweep import sweep_over, sweeps
from .posterior_means import means_of


@dataclass(frozen=True, eq=False)
class ActiveUnits:
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

    def __str__(self) -> str:
        sites = [
            f"{name}: {count} of {len(self.variance[name])} ({self.routes[name]})"
            for name, count in self.counts.items()
        ]
        return (
            f"active units {', '.join(sites)}; variance above {self.threshold:g} over "
            f"{self.num_data} data"
        )


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
        active units z: 2 of 2 (exact); variance above 0.01 over 100 data
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
