"""No preference among codes."""

from typing import NoReturn

import pyro.distributions as dist
import torch
from torch import Tensor

from ...errors import ConfigError
from .base import Prior

Sizes = torch.Size | list[int] | tuple[int, ...]


class FlatPrior(Prior):
    """The improper density 1 at every z: of a deterministic code that nothing pulls anywhere.

    It has no normalising constant and no draws, so that a model with it has no p(x): what `ELBO`
    gives then is E_q log p(x|z) - E_q log q(z|x), which bounds nothing.

    Args:
        latent_dim: L.

    Example:
        >>> FlatPrior(3)().log_prob(torch.randn(5, 3))
        tensor([0., 0., 0., 0., 0.])
    """

    is_proper = False

    def forward(self) -> dist.TorchDistribution:
        return ImproperUniform((), (self.latent_dim,))


class ImproperUniform(dist.ImproperUniform):
    """Pyro's, on any device and in any precision, with the way out where a draw is wanted."""

    def __init__(self, batch_shape: Sizes, event_shape: Sizes) -> None:
        support = dist.constraints.independent(dist.constraints.real, len(event_shape))
        super().__init__(support, torch.Size(batch_shape), torch.Size(event_shape))

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "ImproperUniform":
        return ImproperUniform(batch_shape, self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        lead = value.shape[: value.dim() - self.event_dim]
        return value.new_zeros(torch.broadcast_shapes(lead, self.batch_shape))

    def sample(self, sample_shape: Sizes = ()) -> NoReturn:
        raise ConfigError(
            "there is no density over the codes to draw from, for the prior is flat; fit one to "
            "the codes of the training data first: pyrovae.apply.fit_density(autoencoder, data)"
        )
