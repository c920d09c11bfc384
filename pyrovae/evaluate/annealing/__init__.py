"""Annealed importance sampling: from the guide or the prior to the posterior, and back."""

from .ais import Annealed, ais
from .bdmc import Bracket, bdmc
from .options import AnnealingOptions

__all__ = ["Annealed", "AnnealingOptions", "Bracket", "ais", "bdmc"]
