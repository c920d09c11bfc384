"""Evidence upper bound."""

import torch
from torch import Tensor

from ..particles import Particles
from .tail import TailELBO


class EUBO(TailELBO):
    r"""Evidence upper bound, minimised over the guide.

    In nats per datum, :math:`E_{p(z|x)}[\log p(x, z) - \log q(z|x)]`. Equals log p(x) + KL(p(z|x)
    || q(z|x)), and is estimated by self-normalised importance weights,
    :math:`\sum_k w_k \log w_k / \sum_k w_k`. The estimate is low, by O(1/K): at K = 1 it is the
    ELBO, so that only many particles bound anything, and too few that miss the posterior's mass
    give no sign of it. Its variance is infinite where w has no second moment (k-hat of `pareto_k`
    at 1/2 or above). A `VarianceWarning` comes once where k-hat of half the data is above what K
    particles bear, or K is below 25.

    An upper bound is minimised: its loss is plus the bound. The gradient moves the guide alone,
    towards the posterior's mass (wake-phi of `RWS`, biased by O(1/K), zero in expectation at
    K = 1); the model stays as it is, because lowering an upper bound would lower the evidence.

    Args:
        num_particles: Particles per datum, K >= 1.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Source:
        Right end of the thermodynamic integral: The Thermodynamic Variational Objective (Masrani
        et al., 2019), https://arxiv.org/abs/1907.00031; as a measure of samplers: Beyond ELBOs
        (Blessing et al., 2024), https://arxiv.org/abs/2406.07423

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> above = EUBO(num_particles=5000).per_datum(oracle.model, oracle.guide, x)
        >>> bool((above > oracle.log_px(x)).all())
        True
    """

    is_upper_bound = True

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        share = torch.softmax(p.log_w, 0)
        return (share * torch.where(share > 0, p.log_w, 0.0)).sum(0)

    def weights(self, p: Particles) -> tuple[None, Tensor]:
        return None, -torch.softmax(p.log_w, 0)
