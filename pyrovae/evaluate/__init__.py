"""Measurements of a trained pair: evidence, bounds and their gradients, the use of latents."""

from .annealing import Annealed, Bracket, ais, bdmc
from .compare import compare
from .compare_training import TrainingComparison, compare_training
from .comparison import Comparison
from .decomposition import KLDecomposition, kl_decomposition
from .evidence import Evidence, log_evidence
from .gaps import InferenceGaps, inference_gaps
from .gradient_statistics import GradientStatistics
from .gradients import gradients
from .latents import ActiveUnits, active_units, posterior_means
from .parts import ELBOParts, elbo_parts
from .surgery import ELBOSurgery, elbo_surgery

__all__ = [
    "ActiveUnits",
    "Annealed",
    "Bracket",
    "Comparison",
    "ELBOParts",
    "ELBOSurgery",
    "Evidence",
    "GradientStatistics",
    "InferenceGaps",
    "KLDecomposition",
    "TrainingComparison",
    "active_units",
    "ais",
    "bdmc",
    "compare",
    "compare_training",
    "elbo_parts",
    "elbo_surgery",
    "gradients",
    "inference_gaps",
    "kl_decomposition",
    "log_evidence",
    "posterior_means",
]
