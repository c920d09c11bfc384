"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .base import Family
from .hierarchical import HierarchicalVAE
from .ladder import LadderVAE
from .posteriors import DiagonalNormal, FlowPosterior, FullNormal, Posterior
from .priors import Prior, StandardNormal
from .top_down import TopDownVAE
from .vae import VAE

__all__ = [
    "VAE",
    "DiagonalNormal",
    "Family",
    "FlowPosterior",
    "FullNormal",
    "HierarchicalVAE",
    "LadderVAE",
    "Posterior",
    "Prior",
    "StandardNormal",
    "TopDownVAE",
]
