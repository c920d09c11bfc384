"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from .autoencoder import Autoencoder
from .base import Family
from .code_priors import AutoregressiveCodes, CodePrior, UniformCodes
from .conditional_vae import ConditionalVAE
from .gumbel_softmax_vae import GumbelSoftmaxVAE
from .hierarchical import HierarchicalVAE
from .ladder import LadderVAE
from .linear import FactorAnalysis, ProbabilisticPCA, e_step, m_step
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
from .priors import (
    FlatPrior,
    FlowPrior,
    MixturePrior,
    NormalPrior,
    Prior,
    StandardNormal,
    VampPrior,
)
from .semi_supervised_vae import SemiSupervisedVAE
from .top_down import TopDownVAE
from .vae import VAE
from .vq_vae import VQVAE

__all__ = [
    "VAE",
    "VQVAE",
    "Autoencoder",
    "AutoregressiveCodes",
    "CodePrior",
    "ConditionalVAE",
    "DiagonalNormal",
    "FactorAnalysis",
    "Family",
    "FlatPrior",
    "FlowPosterior",
    "FlowPrior",
    "FullNormal",
    "GumbelSoftmaxVAE",
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
    "ProbabilisticPCA",
    "Refinement",
    "SemiSupervisedVAE",
    "StandardNormal",
    "TopDownVAE",
    "UniformCodes",
    "VampPrior",
    "e_step",
    "m_step",
]
