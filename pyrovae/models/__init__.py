"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .base import Family
from .code_priors import AutoregressiveCodes, CodePrior, UniformCodes
from .gumbel_softmax_vae import GumbelSoftmaxVAE
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
from .vq_vae import VQVAE

__all__ = [
    "VAE",
    "VQVAE",
    "AutoregressiveCodes",
    "CodePrior",
    "DiagonalNormal",
    "Family",
    "FlowPosterior",
    "FlowPrior",
    "FullNormal",
    "GumbelSoftmaxVAE",
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
    "UniformCodes",
    "VampPrior",
]
