"""What the priors share: no input but the encoder, a Pyro distribution out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self, TypeAlias

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ...particles.isolation import isolated

Encode: TypeAlias = Callable[[Tensor], dist.TorchDistribution]
"""q(z|x) of a family: data [B, *data_shape] in, batch shape [B] and event shape [L] out."""


class Prior(nn.Module, ABC):
    """Gives p(z) with event shape [L] and no batch axes; a plate expands it.

    Args:
        latent_dim: L.

    Attributes:
        is_proper: Whether p(z) integrates to one, so that it can be drawn from.
    """

    is_proper: ClassVar[bool] = True

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        """A small instance, for tests and documentation."""
        return cls(latent_dim)

    @abstractmethod
    def forward(self) -> dist.TorchDistribution:
        """The distribution p(z), event shape [L]."""

    @property
    def needs_encoder(self) -> bool:
        """Whether it is made of posteriors, so that the encoder is part of the model."""
        return False

    def with_encoder(self, encode: Encode) -> dist.TorchDistribution:
        """p(z) where q(z|x) is at hand: what `forward` gives, unless it is made of posteriors."""
        return self()

    def shape_for(  # noqa: B027 (most need nothing)
        self, data_shape: tuple[int, ...], bounds: tuple[float, float] | None = None
    ) -> None:
        """Called once by the family, before anything else, with what one datum looks like.

        Args:
            data_shape: Its shape.
            bounds: Its smallest and largest value (`Likelihood.bounds`); None: no two ends.
        """

    @torch.no_grad()
    def start(self, x: Tensor, encode: Encode, *, seed: int = 0) -> None:
        """Begin where data lie, or their codes, before training; see `start_at`.

        Args:
            x: Training data [N, *data_shape].
            encode: Gives their q(z|x), from which one code each is drawn.
            seed: Of the draws and of what `start_at` draws.
        """
        with isolated():
            pyro.set_rng_seed(seed)
            codes = torch.cat([encode(part).sample() for part in x.split(1000)])
        self.start_at(codes, seed=seed)

    def start_at(self, codes: Tensor, *, seed: int = 0) -> None:  # noqa: B027
        """Begin where codes [N, L] lie; most need nothing."""


PriorFactory = Callable[[int], Prior]
"""Builds one for a latent dimension: the class itself, or a partial of it."""
