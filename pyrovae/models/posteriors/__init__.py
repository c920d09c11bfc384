"""Posteriors q(z|x): modules that turn an encoder's output into a Pyro distribution."""

from .base import Posterior
from .base import PosteriorFactory as PosteriorFactory
from .diagonal_normal import DiagonalNormal
from .distribution import DistributionPosterior
from .flow import FlowPosterior
from .full_normal import FullNormal
from .low_rank_normal import LowRankNormal
from .mixture import MixturePosterior
from .refinement import Refinement
from .refinement import RefinementFactory as RefinementFactory

__all__ = [
    "DiagonalNormal",
    "DistributionPosterior",
    "FlowPosterior",
    "FullNormal",
    "LowRankNormal",
    "MixturePosterior",
    "Posterior",
    "Refinement",
]
