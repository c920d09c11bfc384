"""Coders of distributions, one file for each kind."""

from .base import Coder
from .bernoulli import BernoulliCoder
from .beta_binomial import BetaBinomialCoder
from .counts import CountCoder
from .density import DensityCoder
from .flow import FlowCoder
from .mixture import MixtureCoder
from .multivariate_normal import MultivariateNormalCoder
from .normal import NormalCoder
from .one_hot import OneHotCoder
from .point import PointCoder
from .table import TableCoder

# The first one that takes a distribution codes it.
Coder.known = (
    PointCoder,
    NormalCoder,
    BernoulliCoder,
    BetaBinomialCoder,
    TableCoder,
    CountCoder,
    OneHotCoder,
    MultivariateNormalCoder,
    MixtureCoder,
    FlowCoder,
    DensityCoder,
)
