"""What the families share whose networks see something besides x or z, such as a class."""

from abc import ABC, abstractmethod

import pyro.distributions as dist
from torch import Tensor

from ..nn import AsVector, JoinFactory, Likelihood, Network, Shape
from .base import Family, build_decoder, decoded, params_of
from .networks import as_network
from .posteriors import Posterior


class LabelConditional(Family, ABC):
    """Base of p(x|y, z) and q(z|x, y), y as networks see it: one-hot classes, or values.

    A subclass sets `data_shape`, `latent_dim`, `likelihood` and `posterior`, then calls
    `build_networks`.
    """

    takes_labels = True

    data_shape: Shape
    latent_dim: int
    likelihood: Likelihood
    posterior: Posterior

    def build_networks(
        self, given: Shape, join: JoinFactory, encoder: Network, decoder: Network
    ) -> None:
        """The encoder of x and y as `join` puts them together, the decoder of the vector (z, y).

        Args:
            given: Shape of one y.
            join: Makes one input of x and y.
            encoder: Maps [N, *join.shape] to [N, posterior.num_parameters]: module or factory.
            decoder: Maps [N, L + size of y] to [N, P * D] values: module or factory.

        Raises:
            ShapeError: The encoder takes no inputs of the shape that `join` makes.
        """
        self.join = join(self.data_shape, given)
        self.with_latent = AsVector(self.latent_dim, given)
        self.encoder = self.join.build(as_network(encoder), (self.posterior.num_parameters,))
        self.decoder = build_decoder(
            decoder, self.with_latent.shape, self.likelihood, self.data_shape
        )

    @abstractmethod
    def generate(
        self, y: Tensor, *, mean: bool = True, size: Tensor | float | None = None
    ) -> Tensor:
        """A new datum for each y [N, ...]."""

    def generate_classes(self, classes: Tensor, *, mean: bool = True) -> Tensor:
        """A new datum for each of these classes [N]: see `generate`."""
        return self.generate(classes, mean=mean)

    def _encode(self, x: Tensor, given: Tensor) -> dist.TorchDistribution:
        both = self.join(self.likelihood.rescale(x), given)
        params = params_of(self.encoder, self.posterior, both, len(self.join.shape), "encoder")
        return self.posterior(params)

    def _decode(self, z: Tensor, given: Tensor) -> dist.TorchDistribution:
        both = self.with_latent(z, given)
        return decoded(self.decoder, self.likelihood, both, 1, self.data_shape)
