"""Small pairs with exact evidence, posterior and bounds, to test against; tasks to score."""

from .date_formats import DateFormats
from .discrete_latent import DiscreteLatent
from .linear_gaussian import LinearGaussian
from .linear_gaussian_chain import LinearGaussianChain
from .linear_gaussian_state_space import LinearGaussianStateSpace
from .pair_task import PairScore, PairTask

__all__ = [
    "DateFormats",
    "DiscreteLatent",
    "LinearGaussian",
    "LinearGaussianChain",
    "LinearGaussianStateSpace",
    "PairScore",
    "PairTask",
]
