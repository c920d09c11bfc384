"""Annealed importance sampling: from the guide or the prior to the posterior, and back."""

from .ais import Annealed, ais
from .base import AnnealingOptions
from .bdmc import Bracket, bdmc

__all__ = ["Annealed", "AnnealingOptions", "Bracket", "ais", "bdmc"]
