"""Forms of q(z_1, ..., z_T | x), from what an encoder says of each step."""

from .affine_steps import AffineSteps
from .base import StepPosterior, StepPosteriorFactory
from .combined_steps import CombinedSteps
from .flow_steps import FlowSteps
from .independent_steps import IndependentSteps

__all__ = [
    "AffineSteps",
    "CombinedSteps",
    "FlowSteps",
    "IndependentSteps",
    "StepPosterior",
    "StepPosteriorFactory",
]
