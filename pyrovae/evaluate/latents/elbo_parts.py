"""The ELBO in its parts: reconstruction and KL, by site and by latent dimension."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from ...particles import Particles
from ...particles.kl import divergence, site_kl
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..collect import Compile, collect
from ..inputs import Data
from ..options import SweepOptions
from ..standard_errors import (
    cells_of_means,
    errors_of_means,
    numbers_of_means,
    over_particles,
    records_of_means,
)
from ..sweep import joined, sweep_over, sweeps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ELBOParts(Result):
    """ELBO = reconstruction - KL, in nats per datum, float64 on the CPU.

    Attributes:
        elbo: Evidence lower bound [N].
        reconstruction: E_q log p(x|z), all observed sites together [N].
        kl: KL(q(z|x) || p(z)) [N], the sum of `kl_by_site`.
        kl_by_site: Contribution of each site of the guide [N].
        routes: How each of them was found: "closed form" or "sampled: why".
        kl_per_dim: Mean KL over the data by dimension of a site, nested plates and event dims
            flattened [L]; None where the site's KL is not a sum over dimensions.
        per_dim_routes: "closed form", or why `kl_per_dim` has None.
        standard_errors: Of the mean over data as an estimate for new data, by name: "elbo",
            "reconstruction", "kl" and "kl[site]".
        monte_carlo_errors: The part of them that more particles would remove; NaN at K = 1.
        num_particles: K.
    """

    elbo: Tensor
    reconstruction: Tensor
    kl: Tensor
    kl_by_site: Mapping[str, Tensor]
    routes: Mapping[str, str]
    kl_per_dim: Mapping[str, Tensor | None]
    per_dim_routes: Mapping[str, str]
    standard_errors: Mapping[str, float]
    monte_carlo_errors: Mapping[str, float]
    num_particles: int

    def means(self) -> dict[str, float]:
        """Mean over the data by name, as in `standard_errors`."""
        terms = {"elbo": self.elbo, "reconstruction": self.reconstruction, "kl": self.kl}
        terms |= {f"kl[{name}]": kl for name, kl in self.kl_by_site.items()}
        return {name: float(term.mean()) for name, term in terms.items()}

    def cells(self) -> list[list[str]]:
        return cells_of_means(self.means(), self.standard_errors, self.monte_carlo_errors)

    def notes(self) -> list[str]:
        return [f"kl[{name}]: {how}" for name, how in self.routes.items()]

    def records(self) -> list[dict[str, Any]]:
        return records_of_means(self.means(), self.standard_errors, self.monte_carlo_errors)

    def numbers(self) -> dict[str, Any]:
        return {
            **numbers_of_means(self.means(), self.standard_errors, self.monte_carlo_errors),
            "kl_per_dim": {
                name: None if found is None else found.tolist()
                for name, found in self.kl_per_dim.items()
            },
            "routes": dict(self.routes),
            "num_data": len(self.elbo),
            "num_particles": self.num_particles,
        }

    def arrays(self) -> dict[str, Tensor]:
        """Each part by datum [N]."""
        by_site = {f"kl_{name}": kl for name, kl in self.kl_by_site.items()}
        return {"elbo": self.elbo, "reconstruction": self.reconstruction, "kl": self.kl} | by_site

    def plot(self) -> "Figure":
        """KL of each latent by unit, the largest first; one bar where it is no sum over units."""
        from ...plots.values import bars, sorted_units  # matplotlib is slow to import

        means = self.means()
        title = (
            f"ELBO {means['elbo']:.2f} = reconstruction {means['reconstruction']:.2f} "
            f"- KL {means['kl']:.2f} nats"
        )
        units = {
            f"{name}: KL {means[f'kl[{name}]']:.2f} nats": found
            for name, found in self.kl_per_dim.items()
            if found is not None
        }
        if units and len(units) == len(self.kl_per_dim):
            return sorted_units(units, label="KL, nats", title=title)
        kls = {name: value for name, value in means.items() if name.startswith("kl")}
        return bars(kls, self.standard_errors, label="KL, nats per datum", title=title)


@takes_pair
@sweeps
def elbo_parts(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 100,
    compile: Compile = "auto",
    **options: Unpack[SweepOptions],
) -> ELBOParts:
    """Estimate the ELBO and its parts for each datum.

    A KL is taken in closed form at each site that has one, so `elbo` is what
    `objectives.ELBO(closed_form_kl=True)` estimates, with weight one on every term.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        num_particles: K, over which the parts are averaged.
        compile: See `log_evidence`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), eq. 3,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(100, seed=1)
        >>> parts = elbo_parts(oracle.model, oracle.guide, x, seed=2)
        >>> parts.routes, torch.allclose(parts.kl, oracle.kl(x))
        ({'z': 'closed form'}, True)
    """
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    blocks = collect(sweep, _measure, _merge, compile=compile, keeps_done=True)
    sites, names = blocks[0].routes, blocks[0].terms
    mean, error = (
        {name: joined(block.terms[name][row] for block in blocks) for name in names}
        for row in (0, 1)
    )
    count = blocks.num_data * num_particles
    found = ELBOParts(
        elbo=mean["elbo"],
        reconstruction=mean["reconstruction"],
        kl=mean["kl"],
        kl_by_site={name: mean[f"kl[{name}]"] for name in sites},
        routes=sites,
        kl_per_dim={name: _mean_over(blocks, name, count) for name in sites},
        per_dim_routes=blocks[0].per_dim_routes,
        **errors_of_means(mean, error),
        num_particles=num_particles,
    )
    return blocks.give(found)


class _Tally(NamedTuple):
    """The terms of one draw, or of the draws of one block of rows."""

    terms: dict[str, Tensor]  # [k, b] of a draw; mean and standard error [2, b] of a block
    per_dim: dict[str, Tensor]  # sums over particles and data [L]
    routes: dict[str, str]
    per_dim_routes: dict[str, str]


def _measure(p: Particles) -> _Tally:
    kls = {name: site_kl(p, name) for name in p.guide_sites}
    kl = torch.stack([found.value for found in kls.values()]).sum(0) if kls else 0 * p.log_lik
    terms = {"elbo": p.log_lik - kl, "reconstruction": p.log_lik, "kl": kl}
    terms |= {f"kl[{name}]": found.value for name, found in kls.items()}
    per_dim, per_dim_routes = {}, {}
    for name, found in kls.items():
        per_dim_routes[name] = found.route
        if found.route == "closed form":
            total = _kl_per_dim(p, name)
            if isinstance(total, Tensor):
                per_dim[name] = total
            else:
                per_dim_routes[name] = total
    routes = {name: found.route for name, found in kls.items()}
    return _Tally(terms, per_dim, routes, per_dim_routes)


def _merge(drawn: list[_Tally]) -> _Tally:
    first, terms = drawn[0], {}
    for name in first.terms:
        every = torch.cat([tally.terms[name] for tally in drawn]).double()  # [K, b]
        terms[name] = torch.stack(over_particles(every))
    per_dim = {n: torch.stack([tally.per_dim[n] for tally in drawn]).sum(0) for n in first.per_dim}
    return _Tally(terms, per_dim, first.routes, first.per_dim_routes)


def _mean_over(blocks: list[_Tally], name: str, count: int) -> Tensor | None:
    if name not in blocks[0].per_dim:
        return None
    return torch.stack([block.per_dim[name] for block in blocks]).sum(0).cpu() / count


def _kl_per_dim(p: Particles, name: str) -> Tensor | str:
    """Sum over particles and data of the KL by dimension [L], or why there is none."""
    q_site, p_site = p.guide_sites[name], p.model_sites[name]
    if any(mask is not None for mask in q_site.masks):
        return "the site is masked"
    totals = []
    for q, prior in zip(q_site.distributions, p_site.distributions, strict=True):
        q_base, prior_base = _without_event_dims(q), _without_event_dims(prior)
        if q_base.event_shape or prior_base.event_shape:
            return f"{type(q_base).__name__} or {type(prior_base).__name__} couples dimensions"
        kl = q_site.layout.arrange(divergence(q_base, prior_base), q.event_dim).double()
        num_particles = p.num_particles // len(q_site.distributions)
        kl = kl.expand(num_particles, p.batch_size, *kl.shape[2:])
        totals.append(kl.sum((0, 1)).flatten())
    return torch.stack(totals).sum(0)


def _without_event_dims(fn: Distribution) -> Distribution:
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return fn
