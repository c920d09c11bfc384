"""Measurements of a trained pair: evidence, the parts of the ELBO, the use of its latents."""

from .annealing import Annealed, Bracket, ais, bdmc
from .evidence import Evidence, log_evidence
from .gaps import InferenceGaps, inference_gaps
from .latents import ActiveUnits, active_units, posterior_means
from .parts import ELBOParts, elbo_parts

__all__ = [
    "ActiveUnits",
    "Annealed",
    "Bracket",
    "ELBOParts",
    "Evidence",
    "InferenceGaps",
    "active_units",
    "ais",
    "bdmc",
    "elbo_parts",
    "inference_gaps",
    "log_evidence",
    "posterior_means",
]
