"""Likelihoods: they turn the outputs of a decoder into the distribution of a datum."""

import inspect

from .base import Likelihood, fitting_likelihoods
from .bernoulli import Bernoulli
from .binomial import Binomial
from .categorical import Categorical
from .continuous_bernoulli import ContinuousBernoulli
from .discretized_logistic import DiscretizedLogistic
from .normal import LearnedNormal, Normal, PredictedNormal

__all__ = [
    "Bernoulli",
    "Binomial",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "LearnedNormal",
    "Likelihood",
    "Normal",
    "PredictedNormal",
    "fitting_likelihoods",
]

Likelihood.known = [
    found
    for found in (globals()[name] for name in __all__)
    if isinstance(found, type) and not inspect.isabstract(found)
]
