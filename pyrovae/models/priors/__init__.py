"""Priors p(z): modules that give a Pyro distribution over one latent vector."""

from .base import Encode, Prior, PriorFactory
from .standard_normal import StandardNormal

__all__ = ["Encode", "Prior", "PriorFactory", "StandardNormal"]
