"""Reweighted wake-sleep."""

import math
from typing import Any, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError
from ..math import log_mean_exp
from ..particles import Particles, dream
from ..particles.tracing import Program
from .constructor import Drawing
from .fixed_draws import FixedDrawsELBO


class RWS(FixedDrawsELBO):
    r"""Reweighted wake-sleep: model and guide each follow an objective of their own.

    The value is the importance-weighted bound :math:`\log\frac1K\sum_k w_k`, in nats per datum,
    which the model ascends (wake-theta). The guide descends KL(p(z|x) || q(z|x)) of the data,
    estimated with self-normalised weights (wake-phi: biased, O(1/K), and zero in expectation at
    K = 1), of the model's own draws (sleep-phi: unbiased, on data that early models make badly),
    or of both. No latent needs a reparameterised sampler. The guide's direction is not that of
    the value.

    Args:
        num_particles: Particles per datum, K >= 1.
        wake: Weight of wake-phi.
        sleep: Weight of sleep-phi. Above zero each step also draws one (z, x) from the model for
            each datum of the batch, and calls the guide with this x as the argument that held the
            observed one.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: A weight is negative.
        SiteError: The guide cannot score given values (a flow without an inverse); at a step
            with `sleep`, the model's data are not found among the arguments.

    Source:
        Reweighted Wake-Sleep (Bornschein & Bengio, 2015),
        https://arxiv.org/abs/1406.2751; Revisiting Reweighted Wake-Sleep (Le et al., 2019),
        https://arxiv.org/abs/1805.10469

    Example:
        >>> from pyrovae.data import DiscreteLatent
        >>> pair = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=0)
        >>> loss = RWS(num_particles=5, wake=0.5, sleep=0.5)(pair.model, pair.guide)
        >>> loss(pair.sample(3, seed=1)).backward()
    """

    def __init__(
        self,
        num_particles: int = 5,
        *,
        wake: float = 1.0,
        sleep: float = 0.0,
        **drawing: Unpack[Drawing],
    ) -> None:
        super().__init__(num_particles, **drawing)
        if not (0 <= wake < math.inf and 0 <= sleep < math.inf):
            raise ConfigError(
                f"RWS got wake={wake}, sleep={sleep}, needs weights >= 0 and finite; zero "
                "leaves a phase out"
            )
        self.wake = wake
        self.sleep = sleep

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_mean_exp(p.log_w)

    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        share = torch.softmax(p.log_w, 0)
        return share, self.wake * share

    def further_loss(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor | None:
        """Sleep-phi: minus log q(z|x) of latents and data that the model draws."""
        if self.sleep == 0:
            return None
        dreamt = dream(model, guide, *args, batch_plate=self.batch_plate, **kwargs)
        score = (dreamt.scale * dreamt.log_q).sum()
        return -self.sleep * (score - score.detach())
