"""Evidence lower bound with a penalty on the total correlation, by a discriminator."""

from collections.abc import Sequence
from functools import partial
from typing import Self, Unpack

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from ..errors import ConfigError, ShapeError
from ..nn import MLP
from ..particles import Particles
from .batch import BatchELBO, BatchOptions
from .options import Weight, check_weights, is_whole


class FactorVAE(BatchELBO):
    r"""ELBO with a weight on the total correlation, which a discriminator estimates.

    In nats per datum,

    .. math:: \mathrm{ELBO} - \gamma\, E_{q(z)}\!\left[\log\frac{D(z)}{1 - D(z)}\right]

    where D tells draws of the aggregate q(z) from draws of the product of its marginals. The
    logit of the best D is log q(z) - sum_d log q(z_d). D is a network of this objective, trained
    in the same step: it descends its cross-entropy, which enters the gradient and not the value.
    The draws are constants for D, and D is a constant for the bound. Any guide will do.

    Draws of the product come from the same batch, each dimension permuted over the data by
    itself. (The paper takes a second batch for them.) So every datum is drawn once and counts in
    every term, and both sides that D compares have the very same marginals. As with a second
    batch, one of B rows keeps two of its dimensions together by chance. From a batch of one datum
    D learns nothing.

    `fit`, `SVI`, checkpoints and several ranks include D's parameters, under
    "objective.discriminator", and so does Pyro's own `SVI`. An optimiser that is made by hand
    must be given `objective.networks["discriminator"].parameters()` too. As a group of their own
    they can have another rate (the paper: Adam of 1e-4 and betas (.5, .9)). Clipping by norm is
    over all parameters. Each run should have an objective of its own.

    Args:
        gamma: Weight of the total correlation.
        latent_dim: Dimensions of the latent, L.
        num_particles: Particles per datum, K >= 1; the bound is their mean.
        hidden: Widths of D, an `MLP` with leaky ReLUs. Another network [..., L] -> [..., 1] can
            be put in its place, the attribute `discriminator`, before the first step. It computes
            in its own dtype.
        site: The latent; by default the first that the guide draws.
        closed_form_kl: See `Beta`.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: gamma is negative or not finite (a tensor is not checked), or `latent_dim`
            is no size.
        ShapeError: The latent has another size, or D gives something else than logits.

    Source:
        Disentangling by Factorising (Kim & Mnih, 2018), eqs. 2-3 and algorithm 2,
        https://arxiv.org/abs/1802.05983

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> objective = FactorVAE(10.0, latent_dim=2, hidden=(20,))
        >>> objective(oracle.model, oracle.guide)(oracle.sample(20, seed=1)).backward()
    """

    def __init__(
        self,
        gamma: Weight,
        latent_dim: int,
        num_particles: int = 1,
        *,
        hidden: Sequence[int] = (1000,) * 6,
        **options: Unpack[BatchOptions],
    ) -> None:
        check_weights(self, gamma=gamma)
        if not is_whole(latent_dim, 1):
            raise ConfigError(
                f"FactorVAE got latent_dim={latent_dim}, needs the number of dimensions of the "
                "latent, that of the pair"
            )
        super().__init__(num_particles, **options)
        self.gamma = gamma
        self.latent_dim = latent_dim
        self.hidden = tuple(hidden)
        leaky = partial(nn.LeakyReLU, 0.2)
        self.discriminator: nn.Module = MLP(latent_dim, 1, hidden=hidden, activation=leaky)

    @classmethod
    def example(cls) -> Self:
        return cls(gamma=3.0, latent_dim=2, num_particles=2, hidden=())

    @property
    def is_lower_bound(self) -> bool:
        """Only without the weight: D's estimate may be negative, which no correlation is."""
        return not isinstance(self.gamma, Tensor) and self.gamma == 0

    def own(self, p: Particles) -> Tensor:
        logits = self._logits(self._draws(p), frozen=True)
        return p.log_lik - self.kl(p) - self.gamma * logits.to(p.log_lik.dtype)

    def surrogate(self, p: Particles) -> Tensor:
        bound = super().surrogate(p)
        error = self.cross_entropy(p).to(bound.dtype)
        # The permutation is drawn in any case, as by ranks with more data.
        return bound - (error - error.detach()) if p.batch_size > 1 else bound

    def cross_entropy(self, p: Particles) -> Tensor:
        """What D descends, nats per datum [B]: half of a real and half of a permuted draw."""
        z = self._draws(p).detach()
        permuted = z.gather(1, torch.rand_like(z).argsort(1))
        real, made = self._logits(z), self._logits(permuted)
        return (functional.softplus(-real) + functional.softplus(made)).mean(0) / 2

    def _draws(self, p: Particles) -> Tensor:
        """Draws of the latent, in the dtype of the discriminator [K, B, D]."""
        z = p.guide_sites[self.latent(p)].value
        z = z.expand(p.num_particles, p.batch_size, *z.shape[2:])
        dtype = next((t.dtype for t in self.discriminator.parameters()), z.dtype)
        return z.reshape(*z.shape[:2], -1).to(dtype)

    def _logits(self, z: Tensor, *, frozen: bool = False) -> Tensor:
        """D of each draw [K, B]; frozen, no gradient reaches its parameters."""
        network = self.discriminator
        if isinstance(network, MLP) and z.shape[-1:] != network.in_shape:
            raise ShapeError(
                f"FactorVAE got latent_dim={self.latent_dim}, and the latent has "
                f"{z.shape[-1]} dimensions; give that number"
            )
        constants = {n: t.detach() for n, t in network.named_parameters()}
        logits = functional_call(network, constants, (z,)) if frozen else network(z)
        if logits.shape != (*z.shape[:-1], 1):
            raise ShapeError(
                f"the discriminator of FactorVAE gave shape {list(logits.shape)} for draws "
                f"{list(z.shape)}; it must give one logit for each, {[*z.shape[:-1], 1]}"
            )
        return logits.squeeze(-1)
