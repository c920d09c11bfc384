"""Networks that accept any leading axes, and likelihood heads."""

from .base import OneBatchAxis, Shape, build
from .conv import ConvDecoder, ConvEncoder
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
    "LearnedNormal",
    "Likelihood",
    "Normal",
    "OneBatchAxis",
    "PredictedNormal",
    "Shape",
    "build",
    "fitting_likelihoods",
]
