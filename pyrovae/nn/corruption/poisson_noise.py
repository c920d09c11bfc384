"""Shot noise."""

import torch
from torch import Tensor

from ...errors import ConfigError, DataError
from .base import SpreadingNoise


class PoissonNoise(SpreadingNoise):
    """Counts events whose expected number is proportional to the clean value (shot noise).

    The noisy value is `gain` times a Poisson count of mean x / gain. Its mean is x, its variance
    gain * x: bright elements are noisier, and 0 stays 0. Grey levels 0..255 of a camera that
    counts 20 photons at the brightest have the gain 255 / 20.

    Args:
        gain: What one event adds, in the units of what is corrupted; above 0.

    Raises:
        ConfigError: `gain` is not above 0.
        DataError: There is a negative value to corrupt.

    Example:
        >>> PoissonNoise(0.1)(torch.zeros(2))
        tensor([0., 0.])
    """

    lowest = 0.0

    def __init__(self, gain: float = 0.1) -> None:
        super().__init__()
        if not gain > 0:
            raise ConfigError(f"PoissonNoise got gain={gain}; it needs a number above 0")
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        try:
            return self.gain * torch.poisson(x / self.gain)
        except RuntimeError as error:
            if not bool((x < 0).any()):
                raise
            raise DataError(
                f"PoissonNoise got values down to {float(x.min()):g}, and no count of events has "
                "a negative mean; shift the data to 0 and above, or take GaussianNoise"
            ) from error

    def log_prob(self, noisy: Tensor, clean: Tensor) -> Tensor:
        count = noisy / self.gain
        mean = clean / self.gain
        log_prob = torch.xlogy(count.round(), mean) - mean - torch.lgamma(count + 1)
        return torch.where(clean >= 0, log_prob, -torch.inf)

    def spread(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        # As a function of the clean value this is a gamma density of shape noisy / gain + 1.
        return noisy + self.gain, (self.gain * (noisy + self.gain)).sqrt()

    def extra_repr(self) -> str:
        return f"gain={self.gain:g}"
