"""The noise models by their words, with levels in the units of the data."""

from typing import Literal, get_args

from ...errors import ConfigError
from ...nn.corruption import GaussianNoise, Masking, NoiseModel, PoissonNoise, SaltAndPepper

NoiseName = Literal["gaussian", "salt-and-pepper", "masking", "poisson"]


def noise_of(name: str, level: float | None, low: float, high: float) -> NoiseModel:
    """The noise model of a word.

    Args:
        name: "gaussian", "salt-and-pepper", "masking" or "poisson".
        level: The standard deviation, the share of the elements that is replaced, likewise, or the
            gain of one event; None is .3 of the range, .2, .5, and .1 of the range.
        low: Lowest value of the data: what masked elements become, and pepper.
        high: Highest value of the data: salt.

    Raises:
        ConfigError: There is no such noise, or no such level.
    """
    span = high - low
    if level is not None and not level > 0:
        raise ConfigError(f"denoise got level={level:g}; noise needs a level above 0")
    if name == "gaussian":
        return GaussianNoise(0.3 * span if level is None else level)
    if name == "salt-and-pepper":
        return SaltAndPepper(0.2 if level is None else level, low, high)
    if name == "masking":
        return Masking(0.5 if level is None else level, low)
    if name == "poisson":
        return PoissonNoise(0.1 * span if level is None else level)
    raise ConfigError(
        f"denoise got noise={name!r}; use one of {', '.join(get_args(NoiseName))}, or a noise "
        "model such as nn.GaussianNoise(0.3)"
    )
