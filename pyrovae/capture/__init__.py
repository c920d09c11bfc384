"""Computations on tensors, traced once with all the Python around them, compiled and checked."""

from .call import CapturedCall, kind_of, settings_of
from .captured import Captured, deviation, rounding
from .diagnose import explained
from .graph import is_tracing
from .networks import keeping_buffers

__all__ = [
    "Captured",
    "CapturedCall",
    "deviation",
    "explained",
    "is_tracing",
    "keeping_buffers",
    "kind_of",
    "rounding",
    "settings_of",
]
