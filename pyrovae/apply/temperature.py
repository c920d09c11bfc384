"""Draws of latents that lie nearer to the mean of the guide, or further off."""

from typing import cast

from pyro.distributions import TorchDistribution
from torch import Tensor

from ..errors import ConfigError, SiteError
from ..particles.conditionals import Choose


def tempered(temperature: float, what: str) -> Choose | None:
    """Choose z = m + T (draw - m) at each latent, m the mean there given the latents before it.

    T = 1 draws from the guide, T = 0 takes its mean, T > 1 goes beyond. Of a normal guide it is a
    draw with T times the standard deviation. Discrete latents are drawn.

    Args:
        temperature: T, 0 or more.
        what: What asks, for messages.

    Raises:
        ConfigError: T is negative.
        SiteError: From the choice: a mean is not known in closed form, and T is not 1.
    """
    if not temperature >= 0:
        raise ConfigError(f"{what} got temperature={temperature}; it needs 0 or more")
    if temperature == 1:
        return None

    def choose(name: str, fn: TorchDistribution) -> Tensor | None:
        if not fn.has_rsample:
            return None
        try:
            mean = cast(Tensor, fn.mean)
        except NotImplementedError:
            raise SiteError(
                f"{what} with temperature={temperature} needs the mean of latent '{name}', and "
                f"that of a {type(fn).__name__} is not known in closed form; take temperature=1"
            ) from None
        return mean if temperature == 0 else mean + temperature * (fn.sample() - mean)

    return choose
