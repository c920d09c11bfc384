"""Bases of the corruptions, and of the noise models, whose p(noisy|clean) is known."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ...errors import ConfigError


class Corruption(nn.Module, ABC):
    """Corrupts data, element by element.

    In training a denoising network sees the corrupted data and learns to give the clean ones.
    There inputs are in the units of the encoder: levels are scaled to [0, 1] or [-1, 1] first
    (`Likelihood.rescale`). `pyrovae.apply.denoise` corrupts data in their own units.

    A subclass implements `forward`.

    Source:
        Stacked Denoising Autoencoders (Vincent et al., 2010), sec. 3.3,
        https://jmlr.org/papers/v11/vincent10a.html
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A corrupted copy of x, of any shape; the noise of elements is independent."""


class NoiseModel(Corruption, ABC):
    """A corruption whose p(noisy|clean) is known, so that Bayes' rule can undo it."""

    @abstractmethod
    def log_prob(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """log p(noisy|clean) of each element, in nats; shapes are broadcast."""


class SpreadingNoise(NoiseModel, ABC):
    """Noise that moves every element by some amount. A subclass implements three methods.

    Attributes:
        lowest: The smallest clean value that it can have moved.
    """

    lowest = -math.inf

    @abstractmethod
    def spread(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Around which clean value, and how widely, p(noisy|clean) is concentrated."""


class ReplacingNoise(NoiseModel, ABC):
    """Noise that replaces a random share of the elements, whatever they were, by atoms.

    A subclass implements `replacements` and `log_replaced`.

    Args:
        share: Probability that an element is replaced.

    Raises:
        ConfigError: `share` is not a probability.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise ConfigError(
                f"{type(self).__name__} got share={share}; it needs a probability, from 0 to 1"
            )
        self.share = share

    @abstractmethod
    def replacements(self, x: Tensor) -> Tensor:
        """A draw of what each element is replaced by, if it is."""

    @abstractmethod
    def log_replaced(self, noisy: Tensor) -> Tensor:
        """Log-probability that a replaced element has this value; -inf where it cannot."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(torch.rand_like(x) < self.share, self.replacements(x), x)

    def log_prob(self, noisy: Tensor, clean: Tensor) -> Tensor:
        kept = torch.where(noisy == clean, 1.0 - self.share, 0.0).to(noisy)
        return (self.share * self.log_replaced(noisy).exp() + kept).log()
