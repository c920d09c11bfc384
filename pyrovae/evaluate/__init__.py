"""Measurements of a trained pair: evidence, the parts of the ELBO, the use of its latents."""

from .compare import compare
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
    "active_units",
    "compare",
    "elbo_parts",
    "gradients",
    "log_evidence",
    "posterior_means",
]
