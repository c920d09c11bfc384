"""Corruptions: noise that a denoising network learns to remove."""

from abc import ABC, abstractmethod

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ..errors import ConfigError

Sizes = torch.Size | list[int] | tuple[int, ...]


class Corruption(nn.Module, ABC):
    """Corrupts the input of an encoder; the decoder is trained to give the clean data.

    A subclass implements `forward`. Inputs are in the units of the encoder: levels are scaled to
    [0, 1] or [-1, 1] first (`Likelihood.rescale`).

    Source:
        Stacked Denoising Autoencoders (Vincent et al., 2010), sec. 3.3,
        https://jmlr.org/papers/v11/vincent10a.html
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A corrupted copy of x, of any shape; the noise of elements is independent."""


class GaussianNoise(Corruption):
    """Adds normal noise to every element.

    Args:
        scale: Standard deviation, in the units of the encoder.

    Raises:
        ConfigError: `scale` is negative.

    Example:
        >>> GaussianNoise(0.5)(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, scale: float = 0.5) -> None:
        super().__init__()
        if not scale >= 0:
            raise ConfigError(f"GaussianNoise got scale={scale}; it needs 0 or more")
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * torch.randn_like(x)

    def extra_repr(self) -> str:
        return f"scale={self.scale:g}"


class Masking(Corruption):
    """Sets a random share of the elements to one value.

    Args:
        share: Probability that an element is hidden.
        value: The value that replaces it.

    Raises:
        ConfigError: `share` is not a probability.

    Example:
        >>> Masking(1.0)(torch.ones(2))
        tensor([0., 0.])
    """

    def __init__(self, share: float = 0.25, value: float = 0.0) -> None:
        super().__init__()
        self.share, self.value = _share("Masking", share), value

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(torch.rand_like(x) < self.share, self.value, x)

    def extra_repr(self) -> str:
        return f"share={self.share:g}, value={self.value:g}"


class SaltAndPepper(Corruption):
    """Sets a random share of the elements to the lowest or the highest value.

    Args:
        share: Probability that an element is replaced; both values are equally likely.
        low: The lowest value.
        high: The highest value.

    Raises:
        ConfigError: `share` is not a probability.

    Example:
        >>> SaltAndPepper(1.0)(torch.full((100,), 0.5)).unique()
        tensor([0., 1.])
    """

    def __init__(self, share: float = 0.25, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        self.share, self.low, self.high = _share("SaltAndPepper", share), low, high

    def forward(self, x: Tensor) -> Tensor:
        chance = torch.rand_like(x)
        hit = torch.where(chance < self.share / 2, self.low, self.high).to(x)
        return torch.where(chance < self.share, hit, x)

    def extra_repr(self) -> str:
        return f"share={self.share:g}, low={self.low:g}, high={self.high:g}"


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


def _share(where: str, share: float) -> float:
    if not 0 <= share <= 1:
        raise ConfigError(f"{where} got share={share}; it needs a probability, from 0 to 1")
    return share
