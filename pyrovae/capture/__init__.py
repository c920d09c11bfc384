"""Computations on tensors, traced once with all the Python around them, compiled and checked."""

from .call import CapturedCall, settings_of
from .captured import Captured
from .networks import keeping_buffers

__all__ = ["Captured", "CapturedCall", "keeping_buffers", "settings_of"]
