"""What the families with one latent vector share: decoding, drawing, and starting from data."""

from abc import ABC, abstractmethod

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ..nn import Likelihood
from .any_data import takes_any_data, takes_whole_data
from .base import (
    Family,
    Latent,
    check_data,
    decoded,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    generated,
    latent_of,
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

    @takes_whole_data
    @evaluated
    def start(self, x: Tensor, *, seed: int = 0) -> None:
        """Fit the prior to training data x [N, *data_shape] or to their codes, before training.

        A `MixturePrior` is fitted to the codes, a `VampPrior` takes data as its pseudo-inputs.

        Raises:
            DataError: There are fewer data than the prior has components.
        """
        check_data(x, self.data_shape, f"{type(self).__name__}.start")
        self.prior.start(x, self.encode, seed=seed)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, mean: bool = True, latent: Latent = "sample") -> Tensor:
        """Encode x and decode it again: the mean of p(x|z), or a draw from it [B, *data_shape].

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            mean: The mean of p(x|z); else a draw.
            latent: z is a draw from q(z|x), "sample", or its mean, "mean".

        Raises:
            ConfigError: The mean of q(z|x) is not known in closed form.
        """
        check_data(x, self.data_shape, f"{type(self).__name__}.reconstruct")
        made = self.decode(latent_of(self.encode(x), latent))
        return mean_or_draw(self.likelihood.given(made, x), mean)

    def _generated(
        self, prior: dist.TorchDistribution, n: int, mean: bool, size: Tensor | float | None
    ) -> Tensor:
        """The means of p(x|z), or draws from it, for n draws from the prior."""
        count = drawn_count(n, f"{type(self).__name__}.generate")
        made = self.decode(prior.sample(torch.Size([max(count, 1)])))
        return generated(made, self.likelihood, count, mean, size)
