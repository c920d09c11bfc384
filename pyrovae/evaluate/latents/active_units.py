"""Posterior means of the latents, and how many units are active."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Unpack, cast

import torch
from torch import Tensor

from ...errors import DataError, ShapeError, SiteError
from ...particles import Particles
from ...particles.site import Site
from ...particles.tracing import Program
from ..collect import collect
from ..inputs import Data
from ..options import SweepOptions
from ..sweep import Sweep, joined, sweep_over, sweeps


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
        x: Data [N, ...], N >= 2: a tensor, several with equal N, or a split.
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
    means = _posterior_means(sweep)
    averaged = f"averaged over {num_particles} particles"
    return ActiveUnits(
        variance={n: m.value.var(0) - cast(Tensor, m.noise).mean(0) for n, m in means.items()},
        routes={n: "exact" if m.is_exact else averaged for n, m in means.items()},
        threshold=threshold,
        num_data=sweep.num_data,
    )


@sweeps
def posterior_means(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    site: str | None = None,
    num_particles: int = 100,
    **options: Unpack[SweepOptions],
) -> Tensor:
    """E_q[z] of one latent site for each datum [N, L], float64 on the CPU.

    Exact where the guide states its mean, else an average over particles.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...]: a tensor, several with equal N, or a split.
        site: Name of the latent; may be left out where there is only one.
        num_particles: See `active_units`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        SiteError: There is no such latent, or there are several and none is named.
    """
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    means = _posterior_means(sweep)
    if site is None and len(means) == 1:
        return next(iter(means.values())).value
    if site not in means:
        asked = "several latents" if site is None else f"no latent '{site}'"
        raise SiteError(f"the guide has {asked}: name one of {sorted(means)} with site=")
    return means[site].value


@dataclass(frozen=True)
class _Mean:
    """Posterior mean at one site, from one draw, from a block of rows, or for all data."""

    value: Tensor  # [k, b, L] of a draw, else [N, L]
    stated: bool  # the guide's mean given its earlier draws, not the draw itself
    may_tie: bool  # earlier draws may agree between particles by chance
    noise: Tensor | None = None  # Monte-Carlo variance of the value; unknown for one draw

    @property
    def is_exact(self) -> bool:
        return self.stated and self.noise is not None and not bool(self.noise.any())


def _posterior_means(sweep: Sweep) -> dict[str, _Mean]:
    sweep.check_data_are_apart("means")
    if sweep.num_particles < 2:
        raise ShapeError(
            f"num_particles is {sweep.num_particles}, and the noise of an average over particles "
            "is known from two on"
        )
    # Two particles show whether a mean depends on earlier draws.
    means = _sweep(replace(sweep, num_particles=2))
    if not all(m.is_exact and not m.may_tie for m in means.values()):
        means = _sweep(sweep)
    return means


def _sweep(sweep: Sweep) -> dict[str, _Mean]:
    blocks = collect(sweep, _of_draw, _of_block)
    if not blocks[0]:
        raise SiteError("the guide samples no latents, so there is nothing to measure")
    return {
        name: replace(
            first,
            value=joined(block[name].value for block in blocks),
            noise=joined(cast(Tensor, block[name].noise) for block in blocks),
        )
        for name, first in blocks[0].items()
    }


def _of_draw(p: Particles) -> dict[str, _Mean]:
    means, may_tie = {}, False
    has_vectors = any(s.value.is_floating_point() for s in p.guide_sites.values() if s.is_latent)
    for name, site in p.guide_sites.items():
        # The mean of a class index has no meaning; it is used only where no latent is a vector.
        is_left_out = has_vectors and not site.value.is_floating_point()
        if site.is_latent and not is_left_out:
            location = _stated_mean(site)
            value = (site.value if location is None else location).double()
            value = value.expand(p.num_particles, p.batch_size, *value.shape[2:])
            value = value.reshape(p.num_particles, p.batch_size, -1)
            means[name] = _Mean(value, location is not None, may_tie)
        may_tie = may_tie or not site.has_rsample
    return means


def _of_block(drawn: list[dict[str, _Mean]]) -> dict[str, _Mean]:
    averaged = {}
    for name, first in drawn[0].items():
        every = torch.cat([means[name].value for means in drawn])  # [K, b, L]
        spread = every - every[0]  # exactly zero where the particles agree
        noise = spread.var(0) / len(every)
        averaged[name] = replace(first, value=every[0] + spread.mean(0), noise=noise)
    return averaged


def _stated_mean(site: Site) -> Tensor | None:
    """The guide's mean given its earlier draws [K or 1, B or 1, ...], where it has one."""
    try:
        fns = site.distributions
        mean = torch.cat([site.layout.arrange(fn.mean, fn.event_dim) for fn in fns])
    except NotImplementedError:
        return None
    return None if bool(mean.isnan().any()) else mean  # as that of a categorical is
