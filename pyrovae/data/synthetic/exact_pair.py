"""Base of the pairs whose evidence and bounds are known exactly."""

from abc import ABC, abstractmethod

import pyro
from torch import Tensor, nn

from .base import Affine, check_batch


class ExactPair(nn.Module, ABC):
    """A model and a guide with exact evidence and bounds, in nats per datum `[B]`.

    Attributes:
        data_dim: D.
        name: Prefix of the parameters' names in Pyro's store.
        encoder: Gives q(z|x) for x `[B, D]`. A pair with another form of guide overrides `guide`.
    """

    data_dim: int
    name: str
    encoder: Affine

    def guide(self, x: Tensor) -> None:
        """Draws a latent for each datum: x `[B, D]`."""
        check_batch(x, self.data_dim, f"{type(self).__name__}.guide")
        pyro.module(f"{self.name}.encoder", self.encoder)
        with pyro.plate("batch", x.shape[0]):
            pyro.sample("z", self.encoder(x))

    @abstractmethod
    def log_px(self, x: Tensor) -> Tensor:
        """Evidence log p(x)."""

    @abstractmethod
    def reconstruction(self, x: Tensor) -> Tensor:
        """E_q log p(x|z)."""

    @abstractmethod
    def kl(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z))."""

    def elbo(self, x: Tensor) -> Tensor:
        """Evidence lower bound: `reconstruction` minus `kl`."""
        return self.reconstruction(x) - self.kl(x)
