"""Small models whose evidence, posterior and bounds are known exactly: the tests' oracles."""

from .discrete_latent import DiscreteLatent
from .linear_gaussian import LinearGaussian
from .linear_gaussian_chain import LinearGaussianChain

__all__ = ["DiscreteLatent", "LinearGaussian", "LinearGaussianChain"]
