"""Noise that a denoising network must undo."""

from abc import ABC, abstractmethod

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ..errors import ConfigError

Sizes = torch.Size | list[int] | tuple[int, ...]


class Corruption(nn.Module, ABC):
    """Damages what a network sees, while what it must say of it stays clean.

    One of one's own gives `forward`. All are in the units that the encoder sees: levels are
    brought to [0, 1] or [-1, 1] first (`Likelihood.rescale`).

    Source:
        Stacked Denoising Autoencoders (Vincent et al., 2010), sec. 3.3,
        https://jmlr.org/papers/v11/vincent10a.html
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A damaged copy of x, of any shape; every element has noise of its own."""


class GaussianNoise(Corruption):
    """Adds normal noise to every element.

    Args:
        scale: Its standard deviation, in the units that the encoder sees.

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
    """Sets a share of the elements, chosen afresh each time, to one value.

    Args:
        share: Probability of each element to be hidden.
        value: What stands in its place.

    Raises:
        ConfigError: `share` is no probability.

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
    """Sets a share of the elements, chosen afresh each time, to the one or the other extreme.

    Args:
        share: Probability of each element to be hit; both extremes are as likely.
        low: The one.
        high: The other.

    Raises:
        ConfigError: `share` is no probability.

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
    """Data as a corruption leaves them, as an auxiliary latent of a guide.

    Its log-density is zero: the same noise would stand in the joint of the model and in that of
    the guide, where it cancels. A plate of particles gives each of them noise of its own.

    Args:
        clean: What is damaged [..., *event].
        corruption: How.
        event_dim: Axes of one datum.
        batch_shape: Of independent draws; those of `clean` by default.
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
        damaged: Tensor = self.corruption(self.clean.expand(shape))
        return damaged

    def log_prob(self, value: Tensor) -> Tensor:
        lead = value.shape[: value.dim() - self.event_dim]
        return value.new_zeros(torch.broadcast_shapes(lead, self.batch_shape))


def _share(where: str, share: float) -> float:
    if not 0 <= share <= 1:
        raise ConfigError(f"{where} got share={share}; it needs a probability, from 0 to 1")
    return share
