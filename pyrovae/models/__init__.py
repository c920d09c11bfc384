"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .base import Family
from .conditional_vae import ConditionalVAE
from .hierarchical import HierarchicalVAE
from .ladder import LadderVAE
from .mixture_vae import MixtureVAE
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
from .semi_supervised_vae import SemiSupervisedVAE
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
    "MixtureVAE",
    "NormalPrior",
    "PartialVAE",
    "Posterior",
    "Prior",
    "Refinement",
    "SemiSupervisedVAE",
    "StandardNormal",
    "TopDownVAE",
    "VampPrior",
]
