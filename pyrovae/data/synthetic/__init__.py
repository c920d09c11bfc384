"""Small models whose evidence, posterior and bounds are known exactly: the tests' oracles."""

from .discrete_latent import DiscreteLatent
from .linear_gaussian import LinearGaussian

__all__ = ["DiscreteLatent", "LinearGaussian"]
