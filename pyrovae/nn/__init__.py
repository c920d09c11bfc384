"""Networks that accept any leading axes, and likelihood heads."""

from .base import Network, OneBatchAxis, Shape, build, one_batch_axis
from .conv import ConvDecoder, ConvEncoder
from .corruption import Corrupted, Corruption, GaussianNoise, Masking, SaltAndPepper
from .grid import GridDecoder, GridEncoder
from .jacobian import squared_jacobian
from .join import AsChannels, AsVector, Join, JoinFactory
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
    "AsChannels",
    "AsVector",
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
    "GridDecoder",
    "GridEncoder",
    "Join",
    "JoinFactory",
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
