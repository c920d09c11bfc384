"""Likelihoods: they turn the outputs of a decoder into the distribution of a datum."""

import inspect

from .base import Likelihood, fitting_likelihoods
from .bernoulli import Bernoulli
from .beta import Beta
from .beta_binomial import BetaBinomial
from .binomial import Binomial
from .categorical import Categorical
from .continuous_bernoulli import ContinuousBernoulli
from .discretized_logistic import DiscretizedLogistic
from .gamma import Gamma
from .log_normal import LogNormal
from .multinomial import Multinomial
from .negative_binomial import NegativeBinomial
from .normal import LearnedNormal, Normal, PredictedNormal
from .poisson import Poisson
from .student_t import StudentT
from .zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial
from .zero_inflated_poisson import ZeroInflatedPoisson

__all__ = [
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "Binomial",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Gamma",
    "LearnedNormal",
    "Likelihood",
    "LogNormal",
    "Multinomial",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "PredictedNormal",
    "StudentT",
    "ZeroInflatedNegativeBinomial",
    "ZeroInflatedPoisson",
    "fitting_likelihoods",
]

Likelihood.known = [
    found
    for found in (globals()[name] for name in __all__)
    if isinstance(found, type) and not inspect.isabstract(found)
]
