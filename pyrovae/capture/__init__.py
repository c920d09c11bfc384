"""Computations on tensors, traced once with all the Python around them, compiled and checked."""

from .captured import Captured
from .networks import keeping_buffers

__all__ = ["Captured", "keeping_buffers"]
