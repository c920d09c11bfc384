"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .autoencoder import Autoencoder
from .base import Family
from .hierarchical import HierarchicalVAE
from .ladder import LadderVAE
from .linear import FactorAnalysis, ProbabilisticPCA, e_step, m_step
from .posteriors import (
    DiagonalNormal,
    FlowPosterior,
    FullNormal,
    LowRankNormal,
    MixturePosterior,
    Posterior,
    Refinement,
)
from .priors import (
    FlatPrior,
    FlowPrior,
    MixturePrior,
    NormalPrior,
    Prior,
    StandardNormal,
    VampPrior,
)
from .top_down import TopDownVAE
from .vae import VAE

__all__ = [
    "VAE",
    "Autoencoder",
    "DiagonalNormal",
    "FactorAnalysis",
    "Family",
    "FlatPrior",
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
    "ProbabilisticPCA",
    "Refinement",
    "StandardNormal",
    "TopDownVAE",
    "VampPrior",
    "e_step",
    "m_step",
]
