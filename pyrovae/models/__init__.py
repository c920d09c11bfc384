"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .base import Family
from .conditional_vae import ConditionalVAE
from .hierarchical import HierarchicalVAE
from .ladder import LadderVAE
from .partial_vae import PartialVAE
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
    "ConditionalVAE",
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
    "PartialVAE",
    "Posterior",
    "Prior",
    "Refinement",
    "StandardNormal",
    "TopDownVAE",
    "VampPrior",
]
