"""What each latent unit does to the data: one unit moved, the others held."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from ...errors import ConfigError, DataError, SiteError
from ...particles import Particles, simulate
from ...particles.handlers import with_distributions
from ...particles.isolation import isolated
from ...particles.modes import Mode, in_mode
from ...particles.site import Site
from ...particles.tracing import Program
from ..collect import collect
from ..sweep import Data, Sweep, as_data, at_home, to_host
from .active_units import posterior_means

VALUES = tuple(i * 0.625 - 2.5 for i in range(9))  # 99 % of a standard normal


@dataclass(frozen=True, eq=False)
class Traversal:
    """The mean of p(x|z) along the units of one latent, the most informative first.

    Attributes:
        images: A row for each unit, a column for each value [R, V, *data_shape], on the CPU.
        units: Index of each row's unit within the latent [R].
        information: By which the rows are ordered [R]: mean KL of each unit over the data, in
            nats, where guide and prior are normals with independent units, else the variance of
            its posterior mean.
        ordered_by: "KL" or "variance of E_q[z]".
        values: What each column's unit is set to [V].
        site: Name of the latent.
    """

    images: Tensor
    units: Tensor
    information: Tensor
    ordered_by: str
    values: Tensor
    site: str


def traverse(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    site: str | None = None,
    datum: int = 0,
    values: Sequence[float] = VALUES,
    num_units: int | None = None,
    seed: int | None = None,
    vectorize_particles: bool = True,
    mode: Mode = "evaluation",
) -> Traversal:
    """Decode latents that differ from a datum's posterior mean in one unit.

    Works for every pair: the guide's draw is replaced, and the model decodes. Latents of other
    sites, if there are any, are drawn from the guide.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] whose information orders the units: a tensor, several with equal N, or a
            split.
        site: Name of the latent, a vector for each datum; may be left out where there is only
            one.
        datum: Which row of the data to start from.
        values: What a unit is set to, in its own units: -2.5 to 2.5 covers a standard normal.
        num_units: Only so many rows, those of the most informative units.
        seed: Of what is drawn.
        vectorize_particles: See `active_units`.
        mode: Of the pair's networks; see `log_evidence`.

    Raises:
        ConfigError: There are no values, or there is no such mode.
        DataError: There is no such datum.
        ShapeError: The model observes no site that holds the data.
        SiteError: There is no such latent, or it is no vector, or there are several and none is
            named.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> traverse(oracle.model, oracle.guide, oracle.sample(100, seed=1)).images.shape
        torch.Size([2, 9, 5])
    """
    with in_mode(mode, model, guide):
        tensors, args = at_home(model, guide, x, args)
    if not 0 <= datum < len(tensors[0]):
        raise DataError(f"traverse got datum={datum}, and there are {len(tensors[0])} data")
    if len(values) == 0 or (num_units is not None and num_units < 1):
        raise ConfigError("traverse got nothing to show; give one value or unit at least")
    sweep = Sweep(model, guide, x, args, seed=seed, mode=mode)
    site, information = _information(sweep, site)
    means = posterior_means(
        model,
        guide,
        x,
        *args,
        site=site,
        seed=seed,
        vectorize_particles=vectorize_particles,
        mode=mode,
    )
    ordered_by = "KL"
    if information is None:
        information, ordered_by = means.var(0, unbiased=False), "variance of E_q[z]"
    units = information.argsort(descending=True, stable=True)[:num_units]
    places = torch.tensor(values, dtype=means.dtype)
    moved = means[datum].repeat(len(units), len(places), 1)  # [R, V, L]
    moved[torch.arange(len(units))[:, None], torch.arange(len(places)), units[:, None]] = places
    count = len(units) * len(places)
    batch = [t[datum : datum + 1].expand(count, *t.shape[1:]) for t in tensors]
    z = moved.flatten(0, 1).to(batch[0].device)

    def put(name: str, fn: TorchDistribution) -> TorchDistribution:
        return dist.Delta(z.to(fn.sample()), event_dim=1) if name == site else fn

    fresh = int(torch.randint(2**31, ())) if seed is None else seed
    with isolated(), in_mode(mode, model, guide), torch.no_grad():
        pyro.set_rng_seed(fresh)
        made = simulate(model, *batch, *args, guide=with_distributions(guide, put), mean=True)
    images = as_data(made, batch[0]).cpu()
    return Traversal(
        images=images.reshape(len(units), len(places), *images.shape[1:]),
        units=units,
        information=information[units],
        ordered_by=ordered_by,
        values=places,
        site=site,
    )


def _information(sweep: Sweep, asked: str | None) -> tuple[str, Tensor | None]:
    """The latent to move, and the mean KL of each of its units [L], where units have one."""
    blocks = collect(sweep, _of_draw, lambda drawn: drawn[0])
    known = sorted(blocks[0])
    if asked is None and len(known) != 1:
        why = "name one with site=" if known else "what is discrete or no vector has no units"
        raise SiteError(
            "traverse moves the units of one latent vector of real numbers, and the guide has "
            f"{known or 'none'}; {why}"
        )
    site = known[0] if asked is None else asked
    if site not in known:
        raise SiteError(f"the guide has no vector latent '{site}': name one of {known}")
    parts = [block[site] for block in blocks]
    whole = [part for part in parts if part is not None]
    return site, to_host(whole).mean(0) if len(whole) == len(parts) else None


def _of_draw(p: Particles) -> dict[str, Tensor | None]:
    """By latent vector of real numbers: the KL of each unit [b, L]; None where it has none."""
    return {
        name: _unit_kl(site.distributions[0], p.model_sites.get(name), p.batch_size)
        for name, site in p.guide_sites.items()
        if site.is_latent
        and site.has_rsample
        and p.latents[name].dim() == 3
        and p.latents[name].is_floating_point()
    }


def _unit_kl(q: Any, partner: Site | None, size: int) -> Tensor | None:  # noqa: ANN401
    prior = None if partner is None else partner.distributions[0]
    for fn in (q, prior):
        if not (isinstance(fn, Independent) and isinstance(fn.base_dist, Normal)):
            return None
    kl = kl_divergence(q.base_dist, prior.base_dist)  # type: ignore[union-attr]
    return kl.expand(size, kl.shape[-1])
