"""What the families with one latent vector share: decoding, drawing, and starting from data."""

from abc import ABC, abstractmethod

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ..nn import Likelihood
from .base import (
    Family,
    check_data,
    decoded,
    evaluated,
    evaluated_outside_programs,
    mean_or_draw,
)
from .priors import Prior


class LatentVector(Family, ABC):
    """Base of the families with one latent vector z [L], and x given z alone.

    A subclass sets the attributes, and says how it encodes.

    Attributes:
        data_shape: Of one datum.
        likelihood: Head that gives p(x|z).
        prior: p(z).
        decoder: Network that maps [N, L] to the head's parameters.
    """

    data_shape: tuple[int, ...]
    likelihood: Likelihood
    prior: Prior
    decoder: nn.Module

    @abstractmethod
    def encode(self, x: Tensor) -> dist.TorchDistribution:
        """The distribution q(z|x), batch shape [B], event shape [L]."""

    @evaluated_outside_programs
    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|z), event shape `data_shape`, for z [..., L]."""
        return decoded(self.decoder, self.likelihood, z, 1, self.data_shape)

    @evaluated
    def start(self, x: Tensor, *, seed: int = 0) -> None:
        """Fit the prior to training data x [N, *data_shape] or to their codes, before training.

        A `MixturePrior` is fitted to the codes, a `VampPrior` takes data as its pseudo-inputs.

        Raises:
            DataError: There are fewer data than the prior has components.
        """
        check_data(x, self.data_shape, f"{type(self).__name__}.start")
        self.prior.start(x, self.encode, seed=seed)

    @evaluated
    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, mean: bool = True) -> Tensor:
        """Draw z from q(z|x); the mean of p(x|z), or a draw from it [B, *data_shape]."""
        check_data(x, self.data_shape, f"{type(self).__name__}.reconstruct")
        made = self.decode(self.encode(x).sample())
        return mean_or_draw(self.likelihood.given(made, x), mean)
