"""Base of the priors."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self, TypeAlias

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ...nn.sizes import as_size
from ...particles.isolation import isolated

Encode: TypeAlias = Callable[[Tensor], dist.TorchDistribution]
"""Gives q(z|x), batch shape [B] and event shape [L], for data [B, *data_shape]."""


class Prior(nn.Module, ABC):
    """Gives p(z) with event shape [L] and no batch axes; a plate expands it.

    A subclass implements `forward`. It overrides `example` if `cls(latent_dim)` is large or not
    enough.

    Args:
        latent_dim: L.

    Attributes:
        is_proper: Whether p(z) integrates to one, so that z can be drawn.
        start_fits: Whether `start_at` finds the likeliest prior, so that nothing is left to train.
    """

    is_proper: ClassVar[bool] = True
    start_fits: ClassVar[bool] = False

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = as_size(latent_dim, "latent_dim", type(self).__name__)

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        """A small instance, for tests and documentation."""
        return cls(latent_dim)

    @abstractmethod
    def forward(self) -> dist.TorchDistribution:
        """The distribution p(z), event shape [L]."""

    @property
    def needs_encoder(self) -> bool:
        """Whether it uses q(z|x), so that the encoder is part of the model."""
        return False

    def with_encoder(self, encode: Encode) -> dist.TorchDistribution:
        """p(z), given the family's q(z|x); the same as `forward` unless `needs_encoder`."""
        return self()

    def shape_for(  # noqa: B027 (by default nothing to do)
        self, data_shape: tuple[int, ...], bounds: tuple[float, float] | None = None
    ) -> None:
        """Tell the prior about the data. The family calls it first, once.

        Args:
            data_shape: Shape of one datum.
            bounds: Between which numbers data lie (`Likelihood.ends`), of which the upper one may
                be infinite; None for all real numbers.
        """

    @torch.no_grad()
    def start(self, x: Tensor, encode: Encode, *, seed: int = 0) -> None:
        """Initialise from data before training: draw a code for each and call `start_at`.

        Args:
            x: Training data [N, *data_shape].
            encode: Gives q(z|x), from which codes are drawn.
            seed: Seed of the draws and of `start_at`.
        """
        with isolated():
            pyro.set_rng_seed(seed)
            codes = torch.cat([encode(part).sample() for part in x.split(1000)])
        self.start_at(codes, seed=seed)

    def start_at(self, codes: Tensor, *, seed: int = 0) -> None:  # noqa: B027
        """Initialise from codes [N, L]; by default do nothing."""


PriorFactory = Callable[[int], Prior]
"""Builds a prior for a latent dimension: its class, or a partial of it."""
