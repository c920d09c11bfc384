"""What the posteriors share: an encoder's output in, a Pyro distribution out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

import pyro.distributions as dist
from torch import Tensor, nn

from ...errors import ConfigError


class Posterior(nn.Module, ABC):
    """Gives q(z|x) with event shape [L] from `num_parameters` outputs of an encoder.

    Args:
        latent_dim: L.

    Attributes:
        num_parameters: Outputs of the encoder per datum.
        scores_any: Whether it has a density for any z; a flow without an inverse has one only for
            what it drew itself.
    """

    num_parameters: int
    scores_any: bool = True

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        """A small instance, for tests and documentation."""
        return cls(latent_dim)

    @abstractmethod
    def forward(self, params: Tensor) -> dist.TorchDistribution:
        """The distribution q(z|x), event shape [L], from params [..., num_parameters]."""

    def placed(self, params: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Draws at given standard normal noise, and their log-density, differentiable in both.

        Args:
            params: Outputs of the encoder [B, num_parameters].
            noise: [S, L].

        Returns:
            z [S, B, L] and log q(z|x) in nats [S, B].

        Raises:
            ConfigError: This form of posterior is no function of such noise.
        """
        raise ConfigError(
            f"{type(self).__name__} cannot be drawn at given noise, which a refinement needs; "
            "define `placed`, or leave the refinement out"
        )

    def natural(self, params: Tensor, gradient: Tensor) -> Tensor:
        """The natural gradient for a gradient with respect to params; by default the same."""
        return gradient


PosteriorFactory = Callable[[int], Posterior]
"""Builds one for a latent dimension: the class itself, or a partial of it."""
