"""Networks that accept any leading axes, and likelihood heads."""

from .base import Network, OneBatchAxis, Shape, build, one_batch_axis
from .conv import ConvDecoder, ConvEncoder
from .grid import GridDecoder, GridEncoder
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
    "DiscretizedLogistic",
    "GridDecoder",
    "GridEncoder",
    "LearnedNormal",
    "Likelihood",
    "Network",
    "Normal",
    "OneBatchAxis",
    "PredictedNormal",
    "Shape",
    "build",
    "fitting_likelihoods",
    "one_batch_axis",
]
