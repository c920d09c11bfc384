"""Flat prior."""

from typing import NoReturn

import pyro.distributions as dist
import torch
from torch import Tensor

from ...errors import ConfigError
from .base import Prior

Sizes = torch.Size | list[int] | tuple[int, ...]


class FlatPrior(Prior):
    """The improper density 1 at every z, for autoencoders.

    It is not normalised and cannot be drawn from, so a model with it has no p(x). `ELBO` then
    computes E_q log p(x|z) - E_q log q(z|x), which is not a bound.

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
    """Pyro's distribution for any device and dtype; a draw raises an error with a way out."""

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
            "codes cannot be drawn, because the prior is flat; fit a density to the codes of the "
            "training data first: pyrovae.apply.fit_density(autoencoder, data)"
        )
