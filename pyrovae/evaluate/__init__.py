"""Measurements of a trained pair: evidence, bounds and their gradients, the use of latents."""

from .annealing import Annealed, Bracket, ais, bdmc
from .clusters import cluster_accuracy
from .compare import compare
from .compare_training import TrainingComparison, compare_training
from .comparison import Comparison
from .decomposition import KLDecomposition, kl_decomposition
from .disentanglement import (
    Disentanglement,
    beta_vae_metric,
    dci,
    disentanglement,
    factor_vae_metric,
    mig,
    sap,
)
from .evidence import Evidence, log_evidence
from .gaps import InferenceGaps, inference_gaps
from .gradient_statistics import GradientStatistics
from .gradients import gradients
from .latents import ActiveUnits, active_units, posterior_means
from .obstacle import no_evidence
from .parts import ELBOParts, elbo_parts
from .probe import probe
from .surgery import ELBOSurgery, elbo_surgery
from .traversal import Traversal, traverse

__all__ = [
    "ActiveUnits",
    "Annealed",
    "Bracket",
    "Comparison",
    "Disentanglement",
    "ELBOParts",
    "ELBOSurgery",
    "Evidence",
    "GradientStatistics",
    "InferenceGaps",
    "KLDecomposition",
    "TrainingComparison",
    "Traversal",
    "active_units",
    "ais",
    "bdmc",
    "beta_vae_metric",
    "cluster_accuracy",
    "compare",
    "compare_training",
    "dci",
    "disentanglement",
    "elbo_parts",
    "elbo_surgery",
    "factor_vae_metric",
    "gradients",
    "inference_gaps",
    "kl_decomposition",
    "log_evidence",
    "mig",
    "no_evidence",
    "posterior_means",
    "probe",
    "sap",
    "traverse",
]
