"""Measurements of a trained pair: evidence, the parts of the ELBO, the use of its latents."""

from .compare import compare
from .compare_training import TrainingComparison, compare_training
from .comparison import Comparison
from .evidence import Evidence, log_evidence
from .gradient_statistics import GradientStatistics
from .gradients import gradients
from .latents import ActiveUnits, active_units, posterior_means
from .parts import ELBOParts, elbo_parts

__all__ = [
    "ActiveUnits",
    "Comparison",
    "ELBOParts",
    "Evidence",
    "GradientStatistics",
    "TrainingComparison",
    "active_units",
    "compare",
    "compare_training",
    "elbo_parts",
    "gradients",
    "log_evidence",
    "posterior_means",
]
