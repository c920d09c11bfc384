"""Posterior means of the latents: exact, or averaged over particles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack, cast

import torch
from torch import Tensor

from ...errors import ShapeError, SiteError
from ...particles import Particles
from ...particles.pair import takes_pair
from ...particles.site import Site
from ...particles.tracing import Program
from ..collect import collect
from ..inputs import Data
from ..options import SweepOptions
from ..sweep import Sweep, joined, sweep_over, sweeps


@takes_pair
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
        x: Data [N, ...] of any kind: see `SweepOptions`.
        site: Name of the latent; may be left out where there is only one.
        num_particles: See `active_units`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        SiteError: There is no such latent, or there are several and none is named.
    """
    return mean_of_site(sweep_over(model, guide, x, args, num_particles, options), site)


def mean_of_site(sweep: Sweep, site: str | None) -> Tensor:
    """The posterior means of one latent site: see `posterior_means`."""
    means = means_of(sweep)
    if site is None and len(means) == 1:
        return next(iter(means.values())).value
    if site not in means:
        asked = "several latents" if site is None else f"no latent '{site}'"
        raise SiteError(f"the guide has {asked}: name one of {sorted(means)} with site=")
    return means[site].value


def joined_means(sweep: Sweep, sites: Sequence[str] | None = None) -> Tensor:
    """The posterior means of several latent sites side by side [N, L].

    Args:
        sweep: Over the data.
        sites: Names of the latents; None is all.

    Raises:
        SiteError: There is no such latent.
    """
    means = means_of(sweep)
    for name in sites or ():
        if name not in means:
            raise SiteError(f"the guide has no latent '{name}': name one of {sorted(means)}")
    return torch.cat([m.value for name, m in means.items() if sites is None or name in sites], 1)


@dataclass(frozen=True)
class Mean:
    """Posterior mean at one site, from one draw, from a block of rows, or for all data."""

    value: Tensor  # [k, b, L] of a draw, else [N, L]
    stated: bool  # the guide's mean given its earlier draws, not the draw itself
    may_tie: bool  # earlier draws may agree between particles by chance
    noise: Tensor | None = None  # Monte-Carlo variance of the value; unknown for one draw

    @property
    def is_exact(self) -> bool:
        return self.stated and self.noise is not None and not bool(self.noise.any())


def means_of(sweep: Sweep) -> dict[str, Mean]:
    """Posterior mean of each latent site, for all data of a sweep of K >= 2 particles."""
    sweep.check_data_are_apart("means")
    if sweep.num_particles < 2:
        raise ShapeError(
            f"num_particles is {sweep.num_particles}, and the noise of an average over particles "
            "is known from two on"
        )
    # Two particles show whether a mean depends on earlier draws.
    means = _sweep(sweep.again(num_particles=2))
    if not all(m.is_exact and not m.may_tie for m in means.values()):
        means = _sweep(sweep)
    return means


def _sweep(sweep: Sweep) -> dict[str, Mean]:
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


def _of_draw(p: Particles) -> dict[str, Mean]:
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
            means[name] = Mean(value, location is not None, may_tie)
        may_tie = may_tie or not site.has_rsample
    return means


def _of_block(drawn: list[dict[str, Mean]]) -> dict[str, Mean]:
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
