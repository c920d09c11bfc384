"""Rows of every kind of data, by their numbers."""

from .base import Rows
from .kinds import find_rows, is_in_memory
from .tensors import TensorRows

__all__ = ["Rows", "TensorRows", "find_rows", "is_in_memory"]
