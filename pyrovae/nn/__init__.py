"""Networks that accept any leading axes, and likelihood heads."""

from .base import Network, OneBatchAxis, Shape, build, one_batch_axis
from .conv import ConvDecoder, ConvEncoder
from .corruption import Corrupted, Corruption, GaussianNoise, Masking, SaltAndPepper
from .jacobian import squared_jacobian
from .likelihoods import (
    Bernoulli,
    Binomial,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    LearnedNormal,
    Likelihood,
    Normal,
    PredictedNormal,
    fitting_likelihoods,
)
from .mlp import MLP

__all__ = [
    "MLP",
    "Bernoulli",
    "Binomial",
    "Categorical",
    "ContinuousBernoulli",
    "ConvDecoder",
    "ConvEncoder",
    "Corrupted",
    "Corruption",
    "DiscretizedLogistic",
    "GaussianNoise",
    "LearnedNormal",
    "Likelihood",
    "Masking",
    "Network",
    "Normal",
    "OneBatchAxis",
    "PredictedNormal",
    "SaltAndPepper",
    "Shape",
    "build",
    "fitting_likelihoods",
    "one_batch_axis",
    "squared_jacobian",
]
