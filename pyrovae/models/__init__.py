"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .base import Family
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
from .vae import VAE

__all__ = [
    "VAE",
    "DiagonalNormal",
    "Family",
    "FlowPosterior",
    "FlowPrior",
    "FullNormal",
    "LowRankNormal",
    "MixturePosterior",
    "MixturePrior",
    "NormalPrior",
    "Posterior",
    "Prior",
    "Refinement",
    "StandardNormal",
    "VampPrior",
]
