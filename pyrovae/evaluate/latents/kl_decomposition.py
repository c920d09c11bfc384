"""The mean KL of a latent in three terms: information, total correlation, KL by dimension."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from ...errors import SiteError
from ...particles.aggregate import cross_densities
from ...particles.pair import takes_pair
from ...particles.site import Site
from ...particles.tracing import Program
from ...runtime.progress import progress_bar
from ...runtime.result import Result
from ..block import Block
from ..inputs import Data
from ..options import SweepOptions
from ..standard_errors import averaged, cells_of_means, numbers_of_means, records_of_means
from ..sweep import sweep_over, sweeps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEMORY = 64_000_000  # bytes of the densities that exist at once
_NAMES = ("mutual_information", "total_correlation", "dimension_wise_kl")


@dataclass(frozen=True, eq=False)
class KLDecomposition(Result):
    """KL of one latent = mutual information + total correlation + KL by dimension; nats, float64.

    The aggregate q(z) is the mean of q(z|x) over these N data; see `ELBOSurgery` for the bias
    where N is small. Each term is a mean over the draws of a datum [N].

    Attributes:
        mutual_information: log q(z|x) - log q(z).
        total_correlation: log q(z) - sum_d log q(z_d).
        dimension_wise_kl: sum_d log q(z_d) - log p(z).
        standard_errors: Of the means over the data as estimates for new data, by name.
        monte_carlo_errors: The part that more draws would remove; NaN at K = 1.
    """

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor
    standard_errors: Mapping[str, float]
    monte_carlo_errors: Mapping[str, float]

    def means(self) -> dict[str, float]:
        """Means over the data, by the names of the terms."""
        return {name: float(getattr(self, name).mean()) for name in _NAMES}

    def cells(self) -> list[list[str]]:
        return cells_of_means(self.means(), self.standard_errors, self.monte_carlo_errors)

    def records(self) -> list[dict[str, Any]]:
        return records_of_means(self.means(), self.standard_errors, self.monte_carlo_errors)

    def numbers(self) -> dict[str, Any]:
        found = numbers_of_means(self.means(), self.standard_errors, self.monte_carlo_errors)
        return {**found, "num_data": len(self.mutual_information)}

    def arrays(self) -> dict[str, Tensor]:
        """Each term by datum [N]."""
        return {name: getattr(self, name) for name in _NAMES}

    def plot(self) -> "Figure":
        """The three terms, of which the KL is the sum."""
        from ...plots.values import bars  # matplotlib is slow to import

        means = {name.replace("_", " "): value for name, value in self.means().items()}
        errors = {name.replace("_", " "): e for name, e in self.standard_errors.items()}
        return bars(means, errors, label="nats per datum",
                    title=f"KL {sum(means.values()):.2f} nats = sum of")  # fmt: skip


@takes_pair
@sweeps
def kl_decomposition(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 10,
    **options: Unpack[SweepOptions],
) -> KLDecomposition:
    """Split the mean KL of the latent that the guide draws first, as `objectives.TCVAE` does.

    Takes K N^2 densities of the guide in each dimension.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise. Its first latent is a normal, or factorises.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        num_particles: K, draws per datum.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        SiteError: The densities of single dimensions are unknown.

    Source:
        Isolating Sources of Disentanglement in VAEs (Chen et al., 2018), eq. 2,
        https://arxiv.org/abs/1802.04942

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(100, seed=1)
        >>> found = kl_decomposition(oracle.model, oracle.guide, x, seed=2)
        >>> sorted(found.means())
        ['dimension_wise_kl', 'mutual_information', 'total_correlation']
    """
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    sweep.check_data_are_apart("draws of q(z|x)")
    blocks = sweep.each(_draws_of)
    z, log_q, log_p = (torch.cat([part[i] for _, part in blocks], 1) for i in range(3))
    sites = [site for site, _ in blocks]
    with sweep.networks_in_mode():  # scoring may run networks of the guide
        log_aggregate, log_product = _aggregate(
            sites, z.flatten(0, 1), sweep.num_data, sweep.progress
        )
    log_aggregate, log_product = (t.reshape(log_q.shape) for t in (log_aggregate, log_product))
    each = (log_q - log_aggregate, log_aggregate - log_product, log_product - log_p)
    terms = {name: term.cpu() for name, term in zip(_NAMES, each, strict=True)}
    return KLDecomposition(**averaged(terms))


def _draws_of(block: Block) -> tuple[Site, tuple[Tensor, Tensor, Tensor]]:
    """The guide's site of these rows; draws [K, b, ...], their log q and log p [K, b]."""
    parts = []
    for p in block.draws():
        name = next(iter(p.guide_sites), None)
        if name is None or name not in p.model_sites:
            raise SiteError(
                "kl_decomposition splits the KL of the latent that the guide draws first, and "
                f"'{name}' is no latent of the model; draw auxiliary latents after it"
            )
        site, prior = p.guide_sites[name], p.model_sites[name]
        z = site.value.expand(p.num_particles, p.batch_size, *site.value.shape[2:])
        parts.append((z, site.log_prob.double(), prior.log_prob.double()))
    joined = tuple(torch.cat([part[i] for part in parts]) for i in range(3))
    return next(iter(block.draw(1).guide_sites.values())), (joined[0], joined[1], joined[2])


def _aggregate(
    sites: list[Site], z: Tensor, num_data: int, progress: bool | None
) -> tuple[Tensor, Tensor]:
    """log q(z), and the sum of log q(z_d) over the dimensions, of each z [M, ...]. -> [M], [M]."""
    widest = max(site.layout.batch_size for site in sites)
    size = max(1, _MEMORY // (8 * 4 * widest * z[0].numel()))
    found = []
    with progress_bar(len(z), "draws", progress) as bar:
        for some in z.split(size):
            joint, alone = [], []
            for site in sites:
                both = cross_densities(site, some.unsqueeze(0))
                joint.append(both[0][0].double().logsumexp(1))
                alone.append(both[1][0].double().logsumexp(1))
            log_joint = torch.stack(joint).logsumexp(0) - math.log(num_data)
            log_alone = torch.stack(alone).logsumexp(0) - math.log(num_data)
            found.append((log_joint, log_alone.sum(-1)))
            bar.update(len(some))
    return torch.cat([one for one, _ in found]), torch.cat([other for _, other in found])
