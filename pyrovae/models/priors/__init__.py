"""Priors p(z): modules that give a Pyro distribution over one latent vector."""

from .base import Encode as Encode
from .base import Prior
from .base import PriorFactory as PriorFactory
from .dirichlet import SoftmaxDirichlet
from .distribution import DistributionPrior
from .flat import FlatPrior
from .flow import FlowPrior
from .mixture import MixturePrior
from .normal import NormalPrior
from .standard_normal import StandardNormal
from .vamp import VampPrior

__all__ = [
    "DistributionPrior",
    "FlatPrior",
    "FlowPrior",
    "MixturePrior",
    "NormalPrior",
    "Prior",
    "SoftmaxDirichlet",
    "StandardNormal",
    "VampPrior",
]
