"""The distribution of corrupted data, for a guide."""

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from .base import Corruption

Sizes = torch.Size | list[int] | tuple[int, ...]


class Corrupted(TorchDistribution):
    """The distribution of corrupted data, for an auxiliary latent of a guide.

    Its log-density is zero: the density of the noise would enter both the model's joint and the
    guide's, and cancel. Under a plate of particles each particle has its own noise.

    Args:
        clean: The data to corrupt [..., *event].
        corruption: The corruption.
        event_dim: Number of axes of one datum.
        batch_shape: Shape of independent draws; by default that of `clean`.
    """

    has_rsample = True
    has_density = False
    arg_constraints = {}

    def __init__(
        self,
        clean: Tensor,
        corruption: Corruption,
        event_dim: int,
        batch_shape: Sizes | None = None,
    ) -> None:
        lead = clean.dim() - event_dim
        self.clean, self.corruption = clean, corruption
        shape = clean.shape[:lead] if batch_shape is None else torch.Size(batch_shape)
        super().__init__(shape, clean.shape[lead:], validate_args=False)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "Corrupted":
        return Corrupted(self.clean, self.corruption, self.event_dim, batch_shape)

    def rsample(self, sample_shape: Sizes = ()) -> Tensor:
        shape = torch.Size(sample_shape) + self.batch_shape + self.event_shape
        corrupted: Tensor = self.corruption(self.clean.expand(shape))
        return corrupted

    def log_prob(self, value: Tensor) -> Tensor:
        lead = value.shape[: value.dim() - self.event_dim]
        return value.new_zeros(torch.broadcast_shapes(lead, self.batch_shape))
