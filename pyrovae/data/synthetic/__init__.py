"""Small pairs with exact evidence, posterior and bounds, to test against."""

from .discrete_latent import DiscreteLatent
from .linear_gaussian import LinearGaussian
from .linear_gaussian_chain import LinearGaussianChain
from .linear_gaussian_state_space import LinearGaussianStateSpace

__all__ = [
    "DiscreteLatent",
    "LinearGaussian",
    "LinearGaussianChain",
    "LinearGaussianStateSpace",
]
