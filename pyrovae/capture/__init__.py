"""Computations on tensors, traced with all the Python around them, compiled and checked."""

from .announcement import announcing
from .arguments import Arguments, arguments_of
from .call import CapturedCall
from .captured import Captured, Ready
from .deviation import deviation, rounding
from .diagnose import diagnose
from .graph import is_tracing
from .hoisted import hoisted
from .networks import keeping_buffers
from .static_key import StaticKey, is_plain

__all__ = [
    "Arguments",
    "Captured",
    "CapturedCall",
    "Ready",
    "StaticKey",
    "announcing",
    "arguments_of",
    "deviation",
    "diagnose",
    "hoisted",
    "is_tracing",
    "keeping_buffers",
    "is_plain",
    "rounding",
]
