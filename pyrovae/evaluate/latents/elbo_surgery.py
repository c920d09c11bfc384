"""The KL of the ELBO in two terms: mutual information, and KL of the aggregate q(z) to p(z)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import torch
from torch import Tensor

from ...errors import SiteError
from ...particles import Particles, score
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..block import Block
from ..block_size import draws_in_memory
from ..collect import collect
from ..inputs import Data
from ..options import SweepOptions
from ..standard_errors import averaged, cells_of_means, numbers_of_means, records_of_means
from ..sweep import Sweep, sweep_over, sweeps
from ..validity import check_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 64  # units that a flow has for each latent and datum
_ROWS = 256  # data whose posteriors are made at once


@dataclass(frozen=True, eq=False)
class ELBOSurgery(Result):
    """KL(q(z|x) || p(z)) = mutual information + KL(q(z) || p(z)), in nats, float64 on the CPU.

    The aggregate q(z) is the mean of q(z|x) over these N data. For these data the estimates are
    unbiased. For the distribution that the data come from, the mutual information is too low,
    since it cannot exceed log N, and the marginal KL is too high by as much in expectation. Where
    the mutual information is near log N, both depend on N alone.

    Attributes:
        kl: Mean over the draws of each datum of log q(z|x) - log p(z) [N].
        mutual_information: Likewise of log q(z|x) - log q(z) [N].
        marginal_kl: Likewise of log q(z) - log p(z) [N]; KL(q(z) || p(z)) is its mean.
        standard_errors: Of the means over the data as estimates for new data, by name as in
            `means`, from the spread over the data.
        monte_carlo_errors: The part that more draws would remove; NaN at K = 1.
        num_particles: K, draws per datum.
    """

    kl: Tensor
    mutual_information: Tensor
    marginal_kl: Tensor
    standard_errors: Mapping[str, float]
    monte_carlo_errors: Mapping[str, float]
    num_particles: int

    @property
    def limit(self) -> float:
        """log N, which the mutual information of N data cannot exceed."""
        return math.log(len(self.kl))

    def means(self) -> dict[str, float]:
        """Means over the data: "kl", "mutual_information" and "marginal_kl"."""
        return {name: float(term.mean()) for name, term in self._terms().items()}

    def cells(self) -> list[list[str]]:
        return cells_of_means(self.means(), self.standard_errors, self.monte_carlo_errors)

    def notes(self) -> list[str]:
        return [f"mutual_information: of log N = {self.limit:.3f} at most"]

    def records(self) -> list[dict[str, Any]]:
        return records_of_means(self.means(), self.standard_errors, self.monte_carlo_errors)

    def numbers(self) -> dict[str, Any]:
        return {
            **numbers_of_means(self.means(), self.standard_errors, self.monte_carlo_errors),
            "limit": self.limit,
            "num_data": len(self.kl),
            "num_particles": self.num_particles,
        }

    def arrays(self) -> dict[str, Tensor]:
        """Each term by datum [N]."""
        return self._terms()

    def plot(self) -> "Figure":
        """The KL and its two parts, beside log N."""
        from ...plots.values import bars  # matplotlib is slow to import

        means = {name.replace("_", " "): value for name, value in self.means().items()}
        errors = {name.replace("_", " "): e for name, e in self.standard_errors.items()}
        return bars(means, errors, label="nats per datum", limit=self.limit,
                    limit_label=f"log N = {self.limit:.2f}, limit of the mutual information",
                    title="KL = mutual information + marginal KL")  # fmt: skip

    def _terms(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in _NAMES}


_NAMES = ("kl", "mutual_information", "marginal_kl")


@takes_pair
@sweeps
def elbo_surgery(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 10,
    **options: Unpack[SweepOptions],
) -> ELBOSurgery:
    """Split the mean KL of the ELBO into mutual information and marginal KL.

    A better prior lowers the marginal KL and leaves the mutual information as it is. All latents
    of the pair count as one z. Takes K N^2 densities of the guide.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise. It must score any z.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        num_particles: K, draws per datum.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`. `chunk` also holds for the draws
            times data whose densities are taken at once.

    Raises:
        ConfigError: The prior is improper, or the guide a point mass.
        SiteError: The guide scores only what it drew itself (a flow without an inverse), or has
            auxiliary latents.

    Source:
        ELBO surgery: yet another way to carve up the variational evidence lower bound (Hoffman &
        Johnson, 2016), eq. 3, http://approximateinference.org/accepted/HoffmanJohnson2016.pdf

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> found = elbo_surgery(oracle.model, oracle.guide, oracle.sample(100, seed=1), seed=2)
        >>> means = found.means()
        >>> abs(means["kl"] - means["mutual_information"] - means["marginal_kl"]) < 1e-9
        True
    """
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    sweep.check_data_are_apart("draws of q(z|x)")
    blocks = collect(sweep, _of_draw, _joined)
    log_q = torch.cat([block.log_q for block in blocks], 1)  # [K, N]
    log_p = torch.cat([block.log_p for block in blocks], 1)
    latents = {
        name: torch.cat([block.latents[name] for block in blocks], 1).flatten(0, 1)
        for name in blocks[0].latents
    }
    log_aggregate = _log_aggregate(sweep, latents).reshape(log_q.shape).cpu()
    log_q, log_p = log_q.cpu(), log_p.cpu()
    terms = {
        "kl": log_q - log_p,
        "mutual_information": log_q - log_aggregate,
        "marginal_kl": log_aggregate - log_p,
    }
    return ELBOSurgery(**averaged(terms), num_particles=num_particles)


class _Drawn(NamedTuple):
    """Of one draw, or of the draws of a block of rows: [K, b], and the latents [K, b, ...]."""

    log_q: Tensor
    log_p: Tensor
    latents: dict[str, Tensor]


def _of_draw(p: Particles) -> _Drawn:
    check_weights(p, "elbo_surgery")
    for name, site in p.guide_sites.items():
        if not site.is_latent:
            raise SiteError(
                f"elbo_surgery compares q(z) with p(z), and the guide's '{name}' is no latent of "
                "the model; measure a guide without auxiliary sites and factors"
            )
    size = (p.num_particles, p.batch_size)
    latents = {name: z.expand(*size, *z.shape[2:]) for name, z in p.latents.items()}
    return _Drawn(p.log_q.double(), p.log_prior.double(), latents)


def _joined(drawn: list[_Drawn]) -> _Drawn:
    latents = {n: torch.cat([some.latents[n] for some in drawn]) for n in drawn[0].latents}
    log_q, log_p = torch.cat([d.log_q for d in drawn]), torch.cat([d.log_p for d in drawn])
    return _Drawn(log_q, log_p, latents)


def _log_aggregate(sweep: Sweep, latents: Mapping[str, Tensor]) -> Tensor:
    """log q(z) of each z [M, ...]: the mean of the guide's densities given each datum. -> [M]."""
    some = next(iter(latents.values()))
    total = torch.full((len(some),), -math.inf, dtype=torch.float64, device=some.device)
    widest = max(_WIDTH, *(z[0].numel() for z in latents.values()))
    again = sweep.again(
        model=sweep.guide,  # no decoder is needed
        num_particles=len(some),
        chunk=sweep.chunk or draws_in_memory(sweep.memory, some.device, 4 * widest),
        rows=sweep.rows or min(sweep.num_data, _ROWS),
    )

    def add(block: Block) -> None:
        like = block.draw(1)
        first = 0
        for size in block.sizes:
            part = slice(first, first + size)
            log_q = _score(block, {name: z[part] for name, z in latents.items()}, like)
            total[part] = torch.logaddexp(total[part], log_q.logsumexp(1))
            first += size
            block.advance(size / len(some))

    again.each(add)
    return total - math.log(sweep.num_data)


def _score(block: Block, latents: Mapping[str, Tensor], like: Particles) -> Tensor:
    """Each z [m, ...] under the guide, given each datum of the block. -> [m, b]."""
    rows = like.batch_size
    every = {n: z.unsqueeze(1).expand(-1, rows, *z.shape[1:]) for n, z in latents.items()}
    guide = block.guide
    try:
        p = score(
            guide,
            guide,
            *block.args,
            latents=every,
            like=like,
            vectorize_particles=block.vectorize_particles,
            batch_plate=block.batch_plate,
        )
        return p.log_q.double()
    except (KeyError, NotImplementedError) as error:
        raise SiteError(
            "elbo_surgery scores each z under the posteriors of all data, and the guide scores "
            f"only what it drew itself ({type(error).__name__}: {error}); use flows with an "
            "inverse, such as AffineCoupling"
        ) from error
