"""Priors p(codes): modules that give a Pyro distribution over a grid of codes."""

from .autoregressive import AutoregressiveCodes
from .base import CodePrior, CodePriorFactory
from .uniform import UniformCodes

__all__ = ["AutoregressiveCodes", "CodePrior", "CodePriorFactory", "UniformCodes"]
