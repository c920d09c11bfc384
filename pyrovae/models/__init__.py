"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .base import Family
from .hierarchical import HierarchicalVAE
from .ladder import LadderVAE
from .posteriors import (
    DiagonalNormal,
    FlowPosterior,
    FullNormal,
    LowRankNormal,
    MixturePosterior,
    Posterior,
    Refinement,
)
from .priors import FlowPrior, MixturePrior, NormalPrior, Prior, StandardNormal, VampPrior
from .top_down import TopDownVAE
from .vae import VAE

__all__ = [
    "VAE",
    "DiagonalNormal",
    "Family",
    "FlowPosterior",
    "FlowPrior",
    "FullNormal",
    "HierarchicalVAE",
    "LadderVAE",
    "LowRankNormal",
    "MixturePosterior",
    "MixturePrior",
    "NormalPrior",
    "Posterior",
    "Prior",
    "Refinement",
    "StandardNormal",
    "TopDownVAE",
    "VampPrior",
]
