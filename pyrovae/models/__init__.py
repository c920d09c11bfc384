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
from .priors import Prior, StandardNormal
from .vae import VAE

__all__ = [
    "VAE",
    "DiagonalNormal",
    "Family",
    "FlowPosterior",
    "FullNormal",
    "LowRankNormal",
    "MixturePosterior",
    "Posterior",
    "Prior",
    "Refinement",
    "StandardNormal",
]
