"""Chi upper bound."""

from typing import Unpack

import torch
from torch import Tensor

from ..errors import ConfigError
from ..math import log_mean_exp
from ..particles import Particles
from .constructor import Drawing
from .options import check_finite
from .tail import TailELBO


class CUBO(TailELBO):
    r"""Chi upper bound of log p(x), minimised over the guide.

    In nats per datum, :math:`\frac1n\log E_q[w^n]`. At order two it is log p(x) + log(1 +
    chi^2(p(z|x) || q(z|x))) / 2. The estimate :math:`\frac1n\log\frac1K\sum_k w_k^n` is low, by
    O(1/K): at K = 1 it is the ELBO. It misleads where the weights' tail is heavy, as under a guide
    much narrower than the posterior: without 2n moments of w (k-hat of `pareto_k` at 1 / (2n) or
    above) its variance is infinite, and without n it grows with K for ever. A `VarianceWarning`
    comes once where k-hat of w^n is above what K particles bear for half of the data, or K is
    below 25.

    An upper bound is minimised: its loss is plus the bound. The gradient moves the guide alone,
    to cover the posterior (with self-normalised weights w^n: biased by O(1/K), zero in
    expectation at K = 1); the model stays as it is, because lowering an upper bound would lower
    the evidence.

    Args:
        num_particles: Particles per datum, K >= 1.
        order: n > 1.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: `order` is not above one.

    Source:
        Variational Inference via chi Upper Bound Minimization (Dieng et al., 2017),
        https://arxiv.org/abs/1611.00328

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> above = CUBO(num_particles=5000).per_datum(oracle.model, oracle.guide, x)
        >>> bool((above > oracle.log_px(x)).all())
        True
    """

    is_upper_bound = True

    def __init__(
        self, num_particles: int = 100, *, order: float = 2.0, **drawing: Unpack[Drawing]
    ) -> None:
        super().__init__(num_particles, **drawing)
        check_finite(self, "the larger it is, the heavier the weights' tail; take 2", order=order)
        if not order > 1:
            raise ConfigError(f"CUBO got order={order}, needs > 1; at order 1 use IWAE")
        self.order = order

    @property
    def tail_power(self) -> float:
        return self.order

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_mean_exp(self.order * p.log_w) / self.order

    def weights(self, p: Particles) -> tuple[None, Tensor]:
        # The derivative of E_q w^n = integral of p^n q^(1-n), by that integral.
        return None, (1 / self.order - 1) * torch.softmax(self.order * p.log_w, 0)
