"""Base of the posteriors."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import pyro.distributions as dist
from torch import Tensor, nn

from ...errors import ConfigError, ShapeError
from ...nn.sizes import as_size
from ...nn.two_heads import described


class Posterior(nn.Module, ABC):
    """Gives q(z|x) with event shape [L] from `num_parameters` outputs of an encoder.

    A subclass implements `forward`. It overrides `example` if `cls(latent_dim)` is large or not
    enough.

    Args:
        latent_dim: L.

    Attributes:
        num_parameters: Number of outputs of the encoder per datum.
        hint: What they are, for messages; may be empty.
        scores_any: Whether it can score any z; a flow without an inverse scores its own draws
            only.
    """

    num_parameters: int
    hint: str = ""
    scores_any: bool = True

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = as_size(latent_dim, "latent_dim", type(self).__name__)

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        """A small instance, for tests and documentation."""
        return cls(latent_dim)

    @abstractmethod
    def forward(self, params: Tensor) -> dist.TorchDistribution:
        """The distribution q(z|x), event shape [L], from params [..., num_parameters]."""

    def read(self, output: Any, role: str, check: Callable[[Tensor], None]) -> Tensor:  # noqa: ANN401
        """The parameters [N, num_parameters] of what an encoder gave that is no tensor.

        Args:
            output: What it gave.
            role: What the messages of errors call the encoder.
            check: Refuses a second output that nothing names and that cannot be a log-variance.

        Raises:
            ShapeError: It gives something else than this posterior takes.
        """
        raise ShapeError(
            f"the {role} gave {described(output)}; {type(self).__name__}({self.latent_dim}) takes "
            f"one tensor [N, {self.num_parameters}]"
        )

    def placed(self, params: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Draws from given noise, and their log-density; both are differentiable.

        Args:
            params: Outputs of the encoder [B, num_parameters].
            noise: Standard normal noise [S, L].

        Returns:
            z [S, B, L] and log q(z|x) in nats [S, B].

        Raises:
            ConfigError: The draws of this posterior are not a function of such noise.
        """
        raise ConfigError(
            f"{type(self).__name__} cannot be drawn from given noise, which a refinement needs; "
            "define `placed`, or use no refinement"
        )

    def natural(self, params: Tensor, gradient: Tensor) -> Tensor:
        """The natural gradient from the gradient by params; by default the gradient itself."""
        return gradient


PosteriorFactory = Callable[[int], Posterior]
"""Builds a posterior for a latent dimension: its class, or a partial of it."""
