"""Where in latent space importance weights are good: k-hat and what is missing, by datum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from torch import Tensor

from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..evidence import Evidence
from ..inputs import Data
from ..log_evidence import log_evidence
from ..options import SweepOptions, seed_or_fresh
from ..sweep import sweep_over, sweeps
from .posterior_means import joined_means

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTS = 4  # of the data, by their distance from the prior's centre


@dataclass(frozen=True, eq=False)
class KHatMap(Result):
    """Data by their place in latent space, with the trust in their log p(x).

    Attributes:
        means: Posterior means of all latents, side by side [N, L].
        evidence: Of the same data.
    """

    means: Tensor
    evidence: Evidence

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        head = ("data", "distance from 0", "k-hat median", "k-hat > 0.7", "too low by, nats")
        return [
            head,
            *(
                (r["data"], f"{r['distance']:.2f}", f"{r['k_hat_median']:.2f}",
                 f"{r['k_hat_above_0.7']:.0%}", f"{r['shortfall']:.3f}")
                for r in self.records()
            ),
        ]  # fmt: skip

    def records(self) -> list[dict[str, Any]]:
        """Quarters of the data, those with posterior means near zero first, and all."""
        distance = self.means.norm(dim=1)
        order = distance.argsort()
        parts = [(f"quarter {i + 1}", p) for i, p in enumerate(order.tensor_split(_PARTS))]
        found = []
        for name, rows in [*parts, ("all", order)]:
            k_hat = self.evidence.k_hat[rows]
            found.append(
                {
                    "data": name,
                    "distance": float(distance[rows].mean()),
                    "k_hat_median": float(k_hat.nanmedian()),
                    "k_hat_above_0.7": float((k_hat > 0.7).double().mean()),
                    "shortfall": float(self.evidence.shortfalls[rows].mean()),
                }
            )
        return found

    def notes(self) -> Sequence[str]:
        """See `Result.notes`."""
        return (self.evidence.verdict,)

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        return {"rows": self.records(), "num_particles": self.evidence.num_particles}

    def arrays(self) -> dict[str, Tensor]:
        """See `Result.arrays`."""
        return {
            "means": self.means,
            "k_hat": self.evidence.k_hat,
            "shortfalls": self.evidence.shortfalls,
        }

    def plot(self) -> "Figure":
        """The data in the plane, coloured by k-hat and by what log p(x) probably lacks."""
        from ...plots.khat_map import khat_map as drawn

        return drawn(self.means, self.evidence.k_hat, self.evidence.shortfalls)


@takes_pair
@sweeps
def khat_map(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 1000,
    **options: Unpack[SweepOptions],
) -> KHatMap:
    """Where in latent space importance sampling works: k-hat beside the posterior means.

    The guide's weights are often bad in a region: between clusters, or far out, where there were
    few training data. The table has the data in quarters by the length of their posterior mean,
    and the figure shows each datum. How much log p(x) is probably too low by says more than k-hat:
    see `log_evidence`.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        num_particles: K of `log_evidence`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: See `log_evidence`.
        SiteError: The guide samples no latents.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> found = khat_map(oracle, oracle.sample(50, seed=1), num_particles=200, seed=2)
        >>> found.means.shape, found.evidence.k_hat.shape
        (torch.Size([50, 2]), torch.Size([50]))
    """
    own = options.copy()
    own["seed"] = seed_or_fresh(options.get("seed"))
    sweep = sweep_over(model, guide, x, args, 100, own)
    means = joined_means(sweep)
    own.pop("columns", None)  # which the sweep has applied
    own.pop("transform", None)
    evidence = log_evidence(
        model, guide, sweep.inputs.source, *args, num_particles=num_particles, **own
    )
    return KHatMap(means, evidence)
