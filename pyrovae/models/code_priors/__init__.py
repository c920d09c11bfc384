"""Priors p(codes): modules that give a Pyro distribution over a grid of codes."""

from .autoregressive import AutoregressiveCodes
from .base import CodePrior
from .base import CodePriorFactory as CodePriorFactory
from .uniform import UniformCodes

__all__ = ["AutoregressiveCodes", "CodePrior", "UniformCodes"]
