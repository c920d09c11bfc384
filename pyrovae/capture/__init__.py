"""Computations on tensors, traced once with all the Python around them, compiled and checked."""

from .call import CapturedCall, kind_of, settings_of
from .captured import Captured
from .networks import keeping_buffers

__all__ = ["Captured", "CapturedCall", "keeping_buffers", "kind_of", "settings_of"]
