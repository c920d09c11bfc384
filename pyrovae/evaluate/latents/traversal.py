"""Decoded latents that differ in one unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

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
from ...particles.pair import takes_pair
from ...particles.site import Site
from ...particles.tracing import Program
from ...runtime.result import Result
from ..collect import collect
from ..inputs import Data, as_data
from ..options import SweepOptions
from ..sweep import Sweep, joined, sweep_over, sweeps
from .posterior_means import mean_of_site

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VALUES = tuple(i * 0.625 - 2.5 for i in range(9))  # 99 % of a standard normal
_PARTICLES = 100  # over which a posterior mean is averaged, where the guide does not state it


@dataclass(frozen=True, eq=False)
class Traversal(Result):
    """The mean of p(x|z) along the units of one latent, the most informative first.

    Attributes:
        images: A row for each unit, a column for each value [R, V, *data_shape], on the CPU.
        units: Index of each row's unit within the latent [R].
        information: What orders the rows [R]: mean KL of each unit over the data, in
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

    def cells(self) -> list[list[str]]:
        change = "change" if self._are_codes else "change of the mean"
        head = [f"unit of {self.site}", self._measure, change]
        return [head] + [
            [str(row["unit"]), f"{row['information']:.3f}", f"{row['change']:.3g}"]
            for row in self.records()
        ]

    def notes(self) -> list[str]:
        low, high = float(self.values[0]), float(self.values[-1])
        how = "share of the codes" if self._are_codes else "root mean square over the elements"
        return [f"change: {how}, from {low:.3g} to {high:.3g}; `images` holds what is decoded"]

    def records(self) -> list[dict[str, Any]]:
        """A row for each unit, the most informative first."""
        if self._are_codes:
            moved = self.images[:, -1] != self.images[:, 0]
            changes = moved.double().flatten(1).mean(1).tolist()
        else:
            moved = (self.images[:, -1] - self.images[:, 0]).double().flatten(1)
            changes = moved.square().mean(1).sqrt().tolist()
        return [
            {"unit": unit, "information": information, "change": change}
            for unit, information, change in zip(
                self.units.tolist(), self.information.tolist(), changes, strict=True
            )
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "units": self.records(),
            "ordered_by": self.ordered_by,
            "values": self.values.tolist(),
        }

    def arrays(self) -> dict[str, Tensor]:
        return {"images": self.images, "units": self.units, "values": self.values}

    def plot(self) -> "Figure":
        """A row of images for each unit; of other data, how informative each unit is."""
        from ...plots import traversals  # matplotlib is slow to import
        from ...plots.values import bars

        if self.images.dim() == 5 and self.images.shape[2] in (1, 3):
            return traversals(self)
        rows = {f"unit {row['unit']}": row["information"] for row in self.records()}
        return bars(rows, label=self._measure, title=f"units of {self.site}")

    @property
    def _are_codes(self) -> bool:
        """Whether what is decoded are codes, as of text: no mean has whole numbers as its type."""
        return not self.images.is_floating_point()

    @property
    def _measure(self) -> str:
        return "KL, nats" if self.ordered_by == "KL" else self.ordered_by


@takes_pair
@sweeps
def traverse(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    site: str | None = None,
    datum: int = 0,
    values: Sequence[float] = VALUES,
    num_units: int | None = None,
    **options: Unpack[SweepOptions],
) -> Traversal:
    """Decode latents that differ from a datum's posterior mean in one unit.

    The guide's draw at the site is replaced, and the model decodes it. Latents of other sites are
    drawn from the guide.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind, whose information orders the units: see `SweepOptions`.
        site: Name of the latent, a vector for each datum; may be left out where there is only
            one.
        datum: Row of the data whose posterior mean is moved.
        values: What a unit is set to, in its own units: -2.5 to 2.5 covers a standard normal.
        num_units: Only so many rows, those of the most informative units.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

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
    sweep = sweep_over(model, guide, x, args, 1, options)
    if not 0 <= datum < sweep.num_data:
        raise DataError(f"traverse got datum={datum}, and there are {sweep.num_data} data")
    if len(values) == 0 or (num_units is not None and num_units < 1):
        raise ConfigError("traverse got nothing to show; give one value or unit at least")
    site, information = _information(sweep, site)
    means = mean_of_site(sweep.again(num_particles=_PARTICLES), site)
    ordered_by = "KL"
    if information is None:
        information, ordered_by = means.var(0, unbiased=False), "variance of E_q[z]"
    units = information.argsort(descending=True, stable=True)[:num_units]
    places = torch.tensor(values, dtype=means.dtype)
    moved = means[datum].repeat(len(units), len(places), 1)  # [R, V, L]
    moved[torch.arange(len(units))[:, None], torch.arange(len(places)), units[:, None]] = places
    images = _decoded(sweep, site, moved.flatten(0, 1), datum)
    return Traversal(
        images=images.reshape(len(units), len(places), *images.shape[1:]),
        units=units,
        information=information[units],
        ordered_by=ordered_by,
        values=places,
        site=site,
    )


def _decoded(sweep: Sweep, site: str, z: Tensor, datum: int) -> Tensor:
    """Mean of p(x|z) at values of one latent [M, L], on the CPU. -> [M, *data_shape].

    Latents of other sites are drawn given the datum.
    """
    model, guide = sweep.model, sweep.guide
    with sweep.networks_in_mode():
        args = sweep.arguments(slice(datum, datum + 1))
    width = sweep.inputs.source.width
    size = (sweep.num_data,)
    cut = [isinstance(arg, Tensor) and arg.shape[:1] == size for arg in sweep.inputs.rest]
    is_row = [True] * width + cut
    every = [
        arg.expand(len(z), *arg.shape[1:]) if of_data else arg
        for arg, of_data in zip(args, is_row, strict=True)
    ]
    z = z.to(every[0].device)

    def put(name: str, fn: TorchDistribution) -> TorchDistribution:
        return dist.Delta(z.to(fn.sample()), event_dim=1) if name == site else fn

    seed = int(torch.randint(2**31, ())) if sweep.seed is None else sweep.seed
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        pyro.set_rng_seed(seed)
        moved_guide = with_distributions(guide, put)
        made = simulate(model, *every, guide=moved_guide, mean=True)
    return as_data(made, every[0]).cpu()


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
    return site, joined(whole).mean(0) if len(whole) == len(parts) else None


def _of_draw(p: Particles) -> dict[str, Tensor | None]:
    """KL of each unit [b, L] by site, for latent vectors of real numbers; None if not known."""
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
