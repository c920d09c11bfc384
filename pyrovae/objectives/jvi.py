"""Jackknife importance-weighted estimate."""

import math
from typing import Literal, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError, ShapeError
from ..math import log_mean_exp, log_sum_exp_of_others
from ..particles import Particles
from .base import ParticleELBO
from .constructor import Drawing


class JVI(ParticleELBO):
    r"""Jackknife of the importance-weighted bound, with less bias from the same K weights.

    An estimate of log p(x) in nats per datum, and not a bound: it may lie on either side. With
    :math:`L_{K-j}` the mean of the bounds that leave j particles out, exactly over all choices:

    - order 1: :math:`K L_K - (K-1) L_{K-1}`, bias O(K^-2), time and memory O(K);
    - order 2: :math:`\frac12 K^2 L_K - (K-1)^2 L_{K-1} + \frac12 (K-2)^2 L_{K-2}`, bias O(K^-3),
      time and memory O(K^2).

    The laws hold where the weights have enough moments. The variance rises with the order; where
    the bound is limited by weights that were never drawn, nothing is gained. Meant for
    evaluation; its gradient is that of its value.

    Args:
        num_particles: Particles per datum, K > `order`.
        order: How often the jackknife is applied, 1 or 2.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `order` is neither 1 nor 2.
        ShapeError: There are not more particles than `order`.

    Source:
        Debiasing Evidence Approximations (Nowozin, 2018),
        https://openreview.net/forum?id=HyZoi-WRb

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> log_px = JVI(num_particles=50).per_datum(oracle.model, oracle.guide, x)  # [3]
    """

    is_lower_bound = False

    def __init__(
        self, num_particles: int = 10, *, order: Literal[1, 2] = 1, **drawing: Unpack[Drawing]
    ) -> None:
        if order not in (1, 2):
            raise ConfigError(
                f"JVI got order={order}, needs 1 or 2; the bias falls as K^-(order + 1), so raise "
                "num_particles instead"
            )
        self.order = order
        super().__init__(num_particles, **drawing)

    def check_particles(self, number: int) -> None:
        super().check_particles(number)
        if number <= self.order:
            raise ShapeError(
                f"JVI got num_particles={number} at order {self.order}, needs >= "
                f"{self.order + 1}: it leaves {self.order} out; use objectives.IWAE for fewer"
            )

    @property
    def min_particles(self) -> int:
        """One more than are left out."""
        return self.order + 1

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        size = p.log_w.shape[0]
        top = p.log_w.detach().amax(0)
        centre = torch.where(top.isfinite(), top, 0.0)  # the large factors would amplify rounding
        log_w = p.log_w - centre
        whole = log_mean_exp(log_w)
        one_out = log_sum_exp_of_others(log_w).mean(0) - math.log(size - 1)
        if self.order == 1:
            return centre + size * whole - (size - 1) * one_out
        two_out = _two_out(log_w) - math.log(size - 2)
        second = size**2 * whole - 2 * (size - 1) ** 2 * one_out + (size - 2) ** 2 * two_out
        return centre + second / 2


def _two_out(log_w: Tensor) -> Tensor:
    """Mean over all pairs of log-sum-exp without the pair [K, B] -> [B]."""
    size = log_w.shape[0]
    step = torch.arange(1, size, device=log_w.device)
    others = (torch.arange(size, device=log_w.device)[:, None] + step) % size  # [K, K - 1]
    return log_sum_exp_of_others(log_w[others], dim=1).mean((0, 1))
