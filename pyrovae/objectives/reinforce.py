"""Evidence lower bound with a baseline for latents that are not reparameterised."""

from typing import Literal, Self, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError, ShapeError
from ..particles import Particles
from ..particles.site import Site
from .constructor import Drawing
from .linear import LinearELBO, Summand, of_log_w


class REINFORCE(LinearELBO):
    r"""Evidence lower bound with a score-function gradient and a baseline.

    In nats per datum, :math:`\frac1K\sum_k \log w_k`. The gradient of each site without a
    reparameterised sampler is :math:`(\log w - b) \nabla\log q`, unbiased for every baseline b
    that the draw does not enter. Latents with a reparameterised sampler get the pathwise gradient;
    where all have one it is `ELBO`.

    Args:
        num_particles: Particles per datum, K >= 1; the bound is their mean.
        baseline: "average" is a decaying mean of the bound over past steps and data, kept by this
            objective and in the checkpoints of `fit`: one number, which serves data of about
            equal evidence best. It is written in place, and belongs to one pair: give each its
            own objective. "leave-one-out" is the mean of the datum's other particles, K >= 2,
            which is what `ELBO` does. "none" is very noisy, a reference for comparisons.
        decay: Of "average", per step, in [0, 1).
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ShapeError: "leave-one-out" with one particle.
        ConfigError: There is no such baseline, or no such decay.

    Source:
        Simple Statistical Gradient-Following Algorithms (Williams, 1992),
        https://doi.org/10.1007/BF00992696; for the evidence lower bound: Neural Variational
        Inference and Learning in Belief Networks (Mnih & Gregor, 2014),
        https://arxiv.org/abs/1402.0030; leave-one-out: Buy 4 REINFORCE Samples, Get a Baseline for
        Free! (Kool et al., 2019), https://openreview.net/forum?id=r1lgTGL5DE

    Example:
        >>> from pyrovae.data import DiscreteLatent
        >>> pair = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=0)
        >>> loss = REINFORCE(baseline="average")(pair.model, pair.guide)
        >>> loss(pair.sample(3, seed=1)).backward()
    """

    def __init__(
        self,
        num_particles: int = 1,
        *,
        baseline: Literal["average", "leave-one-out", "none"] = "average",
        decay: float = 0.99,
        **drawing: Unpack[Drawing],
    ) -> None:
        if baseline not in ("average", "leave-one-out", "none"):
            raise ConfigError(
                f"REINFORCE got baseline={baseline!r}; choose 'average', 'leave-one-out', 'none'"
            )
        if not 0 <= decay < 1:
            raise ConfigError(
                f"REINFORCE got decay={decay}, needs a number in [0, 1); 0.99 remembers about "
                "the last hundred steps"
            )
        self.baseline = baseline
        self.decay = decay
        super().__init__(num_particles, **drawing)
        # Decaying sums of the bound and of one; it goes to the pair's device at the first step.
        self._past = torch.zeros(2, dtype=torch.float64, device="cpu")

    def check_particles(self, number: int) -> None:
        super().check_particles(number)
        if self.baseline == "leave-one-out" and number < 2:
            raise ShapeError(
                f"REINFORCE got baseline='leave-one-out' with num_particles={number}, "
                "needs >= 2; use baseline='average' for one"
            )

    @property
    def min_particles(self) -> int:
        """Two where the other particles are the baseline."""
        return 2 if self.baseline == "leave-one-out" else 1

    def bound(self, p: Particles) -> Tensor:
        return p.log_w.mean(0)

    def summands(self, p: Particles) -> list[Summand]:
        return of_log_w(p)

    def offset(self, site: Site) -> Tensor | float:
        """What takes out the gradient of -log q, which is noise of mean zero."""
        return site.own_scale

    def centred(self, costs: list[Tensor]) -> list[Tensor]:
        if self.baseline == "leave-one-out":
            return super().centred(costs)
        if self.baseline == "average":
            average = self._average(costs)
            return [cost - average for cost in costs]
        return costs

    def _average(self, costs: list[Tensor]) -> Tensor:
        """The mean of the past, before these costs join it."""
        first = costs[0]
        if self._past.device != first.device:
            self._past = self._past.to(first.device)
        total, mass = self._past.unbind()
        average = torch.where(mass > 0, total / mass, 0.0).to(first.dtype)
        mean = torch.stack([cost.mean() for cost in costs]).mean().to(self._past.dtype)
        self._past.mul_(self.decay).add_((1 - self.decay) * torch.stack([mean, mean.new_ones(())]))
        return average

    def __copy__(self) -> Self:
        """A copy has an average of its own, since steps write into it."""
        other = super().__copy__()
        other._past = self._past.clone()
        return other

    def state_dict(self) -> dict[str, Tensor]:
        return {"past": self._past} if self.baseline == "average" else {}
