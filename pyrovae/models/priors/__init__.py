"""Priors p(z): modules that give a Pyro distribution over one latent vector."""

from .base import Encode, Prior, PriorFactory
from .flat import FlatPrior
from .flow import FlowPrior
from .mixture import MixturePrior
from .normal import NormalPrior
from .standard_normal import StandardNormal
from .vamp import VampPrior

__all__ = [
    "Encode",
    "FlatPrior",
    "FlowPrior",
    "MixturePrior",
    "NormalPrior",
    "Prior",
    "PriorFactory",
    "StandardNormal",
    "VampPrior",
]
